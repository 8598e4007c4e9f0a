"""manage.py probe [REGISTRY | IMAGE]"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.probes import Probe


class Command(VerbCommand):
    verb = Probe
