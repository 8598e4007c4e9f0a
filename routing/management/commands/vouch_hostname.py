"""manage.py vouch_hostname NAME --tenant T"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.hostnames import AddHostname


class Command(VerbCommand):
    verb = AddHostname
