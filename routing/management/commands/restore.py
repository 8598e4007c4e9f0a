"""manage.py restore FILE"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.backups import Restore


class Command(VerbCommand):
    verb = Restore
