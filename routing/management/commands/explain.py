"""manage.py explain IMAGE"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.images import Explain


class Command(VerbCommand):
    verb = Explain
