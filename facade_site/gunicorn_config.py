"""How gunicorn serves the facade, from `make run` and in the image alike."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from facade_site import metrics_folder
from facade_site.application_name import name_connections
from facade_site.environment import BASE_DIR
from facade_site.standard_streams import open_closed
from facade_site.supervision import Supervised

if __name__ == "__config__":
    # Before a socket or a database's file gets one of their numbers.
    open_closed()

# Here rather than only in the settings: the workers are forked from this process and inherit what it read.
try:
    from facade_site import settings, variables
    from facade_site.server_log import ServerLogger
except ImproperlyConfigured as error:
    # gunicorn would put its traceback around the one line that tells what is to be done.
    sys.exit(str(error))

wsgi_app = "facade_site.asgi:application"
worker_class = "routing.dataplane.serving.gunicorn_worker.FacadeWorker"
proc_name = "registry-facade"
# The application and the table are loaded once, and the workers share that memory. Code that has changed is therefore
# taken up by a restart (or SIGUSR2), not by SIGHUP.
preload_app = True

bind = f"{variables.BIND}:{variables.PORT}"
workers = variables.WEB_CONCURRENCY

# A worker that is stopped finishes what it has begun. Container runtimes kill 10 s after SIGTERM.
graceful_timeout = 8
# Longer than the 60 s for which common proxies keep an idle connection: the side that hangs up first must be theirs,
# or one of their requests now and then meets a connection that has just been closed.
keepalive = 75
# The worker's sign of life is a file's timestamp; on a busy disk that write can block the event loop.
worker_tmp_dir = "/dev/shm" if os.access(Path("/dev/shm"), os.W_OK) else None  # noqa: S108

# The workers' metrics, for whichever of them is asked: in memory for the same reason, and new for each server.
# Only for gunicorn, which runs this file under this name; others only look at what it says. At SIGHUP it is there.
METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
if __name__ == "__config__" and metrics_folder.PREFIX not in os.environ.get(METRICS_DIR, ""):
    os.environ[METRICS_DIR] = str(metrics_folder.make_folder(Path(worker_tmp_dir or tempfile.gettempdir())))

if __name__ == "__config__":
    # Before the application is loaded, and with it the table.
    name_connections("server")

errorlog = "-"
logger_class = ServerLogger
# To stdout. One line for each request costs more than answering it.
accesslog = "-" if variables.FACADE_ACCESS_LOG else None

# gunicorn would otherwise open a socket in the home folder by which the server can be managed.
control_socket_disable = True
# The middleware judges forwarded headers itself, by FACADE_TRUSTED_PROXIES: nothing before it may rewrite the client.
forwarded_allow_ips = ""


def on_starting(server: Any) -> None:
    """Called once, before the workers."""
    if not variables.SECRET_KEY:
        server.log.info("SECRET_KEY is not set: the one in %s is used", settings.STATE_DIR / "secret_key")


def pre_fork(server: Any, worker: Any) -> None:
    """Called in the first process before each worker."""
    from routing.dataplane.live.live_table import live_table
    from routing.dataplane.telemetry.metrics import sharing

    live_table.before_fork()
    # This process serves nobody: its gauges, all 0, must not be among the workers'.
    sharing.share(gauges=False)


def post_fork(server: Any, worker: Any) -> None:
    """Called in each worker: from here on it follows the table by itself."""
    from routing.dataplane.live.live_table import live_table

    name_connections(f"worker {worker.age} web")
    live_table.follow()


def when_ready(server: Any) -> None:
    """Start the work that nobody asks for beside the workers; it ends with this process."""
    argv = [sys.executable, str(BASE_DIR / "manage.py"), "maintain", "--with-parent", str(os.getpid())]
    if not variables.FACADE_MAINTAIN:
        argv.append("--snapshot-only")
    environ = {name: value for name, value in os.environ.items() if name != METRICS_DIR}  # It is no worker.
    server.maintenance = Supervised(argv, BASE_DIR, environ, server.log.error_log)


def child_exit(server: Any, worker: Any) -> None:
    """Called in the first process after a worker's end, whatever ended it: its counts stay, its gauges go."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """End it without waiting for its next look at its parent."""
    maintenance = getattr(server, "maintenance", None)
    if maintenance is not None:
        maintenance.stop()
    shutil.rmtree(os.environ[METRICS_DIR], ignore_errors=True)
