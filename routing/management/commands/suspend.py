"""manage.py suspend --tenant T | --hostname NAME"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.suspensions import SuspendEither


class Command(VerbCommand):
    verb = SuspendEither
