"""manage.py backup FILE"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.backups import Backup


class Command(VerbCommand):
    verb = Backup
