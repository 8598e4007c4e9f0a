#!/usr/bin/env python
"""Django's command line for Registry Facade."""

import os
import sys

from facade_site.application_name import name_connections
from facade_site.broken_pipe import ending_quietly
from facade_site.standard_streams import open_closed, refuse_what_is_no_text


def main() -> None:
    """Run one management command."""
    open_closed()
    refuse_what_is_no_text(sys.argv)
    if (words := sys.argv[2:] if sys.argv[1:2] == ["facade"] else sys.argv[1:])[:1] == ["edge"]:
        # It needs no settings, no database and no Django.
        from routing.edge.command import main as keep_edge

        sys.exit(keep_edge(words[1:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    name_connections(sys.argv[1] if len(sys.argv) > 1 else "manage.py")
    try:
        _ = settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        # Django would tell it in a traceback, or let commands run without the settings until they fail otherwise.
        sys.exit(str(error))
    from routing.management.database_errors import told_in_a_line

    if sys.argv[1:] == ["--version"]:
        # Django would print its own.
        sys.argv[1:] = ["facade", "version"]
    with ending_quietly(), told_in_a_line(sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
