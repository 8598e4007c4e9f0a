"""manage.py unsuspend --tenant T | --hostname NAME"""

from routing.management.suspension import SuspensionCommand


class Command(SuspensionCommand):
    help = "Unsuspend a tenant or hostname: it is served again within a second."
    suspended = False
    done = "unsuspended"
