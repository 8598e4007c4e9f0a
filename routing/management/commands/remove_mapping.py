"""manage.py remove_mapping HOSTNAME PREFIX"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.mappings import RemoveMapping


class Command(VerbCommand):
    verb = RemoveMapping
