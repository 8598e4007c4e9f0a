"""manage.py hand_over_hostname HOSTNAME --to TENANT"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.hand_over import HandOver


class Command(VerbCommand):
    verb = HandOver
