"""manage.py repoint HOSTNAME PREFIX TARGET --reason TEXT"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.mappings import Repoint


class Command(VerbCommand):
    verb = Repoint
