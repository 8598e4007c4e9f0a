"""manage.py claim_hostname NAME --tenant T"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.claims import ClaimHostname


class Command(VerbCommand):
    verb = ClaimHostname
