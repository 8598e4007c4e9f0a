"""manage.py add_mapping HOSTNAME PREFIX TARGET"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.mappings import AddMapping


class Command(VerbCommand):
    verb = AddMapping
