"""manage.py list_mappings"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.mapping_lists import ListMappings


class Command(VerbCommand):
    verb = ListMappings
