"""manage.py rotate_keys"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.keys import RotateKeys


class Command(VerbCommand):
    verb = RotateKeys
