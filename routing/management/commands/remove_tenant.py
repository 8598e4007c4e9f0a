"""manage.py remove_tenant SLUG"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.tenants import RemoveWholeTenant


class Command(VerbCommand):
    verb = RemoveWholeTenant
