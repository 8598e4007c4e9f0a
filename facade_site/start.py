"""`python -m facade_site.start`: prepares the database, then serves. What a container runs.

A database that isn't there, or that takes long to migrate, keeps nobody from being redirected: the server starts all
the same, from the last snapshot of the table, and the preparation goes on beside it.
"""

import os
import shutil
import subprocess
import sys

from django.core.exceptions import ImproperlyConfigured

from facade_site.environment import BASE_DIR
from facade_site.standard_streams import open_closed, say

#: How long the server waits for the preparation. A new PostgreSQL takes some seconds to be there.
_WAIT_SECONDS = 15


def main() -> None:
    """Become the server, with the preparation as its child while that lasts."""
    open_closed()
    preparation = subprocess.Popen([sys.executable, str(BASE_DIR / "manage.py"), "prepare_database"], cwd=BASE_DIR)
    try:
        status = preparation.wait(_WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        say("The database isn't prepared yet; the server starts without waiting for it.")
    else:
        if status:
            say("The database was not prepared; the server starts all the same.")
    _say_what_starts()
    gunicorn = shutil.which("gunicorn") or "gunicorn"
    os.execv(gunicorn, [gunicorn, "--config", str(BASE_DIR / "facade_site/gunicorn_config.py")])  # noqa: S606


def _say_what_starts() -> None:
    try:
        from facade_site import plain, settings, variables
    except ImproperlyConfigured:
        # The server says so, and ends.
        return
    for line in plain.told(
        variables.REGISTRY_HOST,
        variables.REGISTRY_ORG,
        variables.FACADE_HOSTNAME,
        variables.FACADE_TRUSTED_PROXIES,
        variables.FACADE_CONTROL_HOSTS,
        str(settings.STATE_DIR),
        os.environ,
    ):
        say(line)
    if not variables.SECRET_KEY:
        say(f"SECRET_KEY is not set: the one in {settings.STATE_DIR / 'secret_key'} is used")
    say(f"The facade serves on {variables.BIND}:{variables.PORT}; worker processes: {variables.WEB_CONCURRENCY}.")
    if variables.FACADE_TLS_CERTIFICATES:
        say(f"It ends TLS on {variables.BIND}:{variables.FACADE_TLS_PORT}.")


if __name__ == "__main__":
    main()
