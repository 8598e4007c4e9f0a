"""manage.py check_claim NAME [--tenant T]"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.claims import CheckHostname


class Command(VerbCommand):
    verb = CheckHostname
