"""manage.py freeze"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.emergency import Freeze


class Command(VerbCommand):
    verb = Freeze
