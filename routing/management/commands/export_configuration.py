"""manage.py export_configuration"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.configuration import Export


class Command(VerbCommand):
    verb = Export
