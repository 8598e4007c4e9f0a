"""manage.py thaw"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.emergency import Thaw


class Command(VerbCommand):
    verb = Thaw
