"""manage.py confirm_restore"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.backups import ConfirmRestore


class Command(VerbCommand):
    verb = ConfirmRestore
