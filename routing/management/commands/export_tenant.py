"""manage.py export_tenant SLUG [--output FILE]"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.exports import ExportTenant


class Command(VerbCommand):
    verb = ExportTenant
