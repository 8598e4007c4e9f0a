"""manage.py edge --from URL --folder FOLDER, where Django was started before"""

from routing.management.service_command import VerbCommand
from routing.management.verbs.edge import Edge


class Command(VerbCommand):
    verb = Edge
