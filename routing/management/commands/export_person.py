"""manage.py export_person NAME [--output FILE]"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.exports import ExportPerson


class Command(VerbCommand):
    verb = ExportPerson
