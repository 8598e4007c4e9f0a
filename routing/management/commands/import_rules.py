"""manage.py import_rules"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.configuration import ImportRules


class Command(VerbCommand):
    verb = ImportRules
