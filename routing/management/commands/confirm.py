"""manage.py confirm"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.emergency import Confirm


class Command(VerbCommand):
    verb = Confirm
