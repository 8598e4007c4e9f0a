"""manage.py invite TENANT E-MAIL"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.members import Invite


class Command(VerbCommand):
    verb = Invite
