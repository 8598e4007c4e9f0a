"""manage.py check_table"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.tables import CheckTable


class Command(VerbCommand):
    verb = CheckTable
