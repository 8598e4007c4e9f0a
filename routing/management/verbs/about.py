"""What is about the command line itself."""

import platform

import django
from django.db import connection

from routing import __revision__, __version__
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Verb


class Version(Verb):
    """Of the product, and of what it runs on."""

    name = "version"
    help = "Print the version of Registry Facade, and what it runs on."

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        output.facts(
            version=__version__,
            revision=__revision__ or None,
            python=platform.python_version(),
            django=django.get_version(),
            database=connection.vendor,
        )
        output.line(version_in_words())


def version_in_words() -> str:
    """One line."""
    revision = f"{__revision__[:12]}, " if __revision__ else ""
    runs_on = f"Python {platform.python_version()}, Django {django.get_version()}"
    return f"Registry Facade {__version__} ({revision}{runs_on})"
