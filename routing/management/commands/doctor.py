"""manage.py doctor [HOSTNAME]"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.doctor import Doctor


class Command(VerbCommand):
    verb = Doctor
