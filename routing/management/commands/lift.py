"""manage.py lift: the former name of `unsuspend`, for one release."""

from routing.management.service_command import VerbCommand
from routing.management.verbs.suspensions import LiftEither


class Command(VerbCommand):
    verb = LiftEither
