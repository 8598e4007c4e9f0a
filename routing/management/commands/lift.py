"""manage.py lift --tenant T | --hostname NAME"""

from routing.management.suspension import SuspensionCommand


class Command(SuspensionCommand):
    help = "Lift the suspension of a tenant or hostname: it is served again within a second."
    suspended = False
    done = "lifted the suspension of"
