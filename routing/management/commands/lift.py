"""manage.py lift: the former name of `unsuspend`, for one release."""

from routing.management.commands.unsuspend import Command as Unsuspend


class Command(Unsuspend):
    help = "The former name of unsuspend."
