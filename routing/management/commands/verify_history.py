"""manage.py verify_history"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.history_chain import VerifyHistory


class Command(VerbCommand):
    verb = VerifyHistory
