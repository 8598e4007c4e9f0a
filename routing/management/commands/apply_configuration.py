"""manage.py apply_configuration"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.configuration import Apply


class Command(VerbCommand):
    verb = Apply
