"""manage.py remove_person NAME [--erase]"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.people import RemovePerson


class Command(VerbCommand):
    verb = RemovePerson
