"""manage.py create_api_token USERNAME NAME"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.tokens import CreateToken


class Command(VerbCommand):
    verb = CreateToken
