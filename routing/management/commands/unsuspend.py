"""manage.py unsuspend --tenant T | --hostname NAME"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.suspensions import UnsuspendEither


class Command(VerbCommand):
    verb = UnsuspendEither
