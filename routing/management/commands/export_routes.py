"""manage.py export_routes --format FORMAT"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.export_routes import ExportRoutes


class Command(VerbCommand):
    verb = ExportRoutes
