"""How gunicorn serves the facade, from `make run` and in the image alike."""

import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from facade_site import metrics_folder
from facade_site.allocator import keep_large_blocks_apart
from facade_site.application_name import CONTROL_NAME, name_connections, name_process
from facade_site.environment import BASE_DIR
from facade_site.standard_streams import open_closed
from facade_site.supervision import Supervised

if __name__ == "__config__":
    # Before a socket or a database's file gets one of their numbers.
    open_closed()
    keep_large_blocks_apart()

# Here rather than only in the settings: the workers are forked from this process and inherit what it read.
try:
    from facade_site import settings, variables  # noqa: F401  # read here, whoever asks them first
    from facade_site.server_log import ServerLogger, level_of_servers
except ImproperlyConfigured as error:
    # gunicorn would put its traceback around the one line that tells what is to be done.
    sys.exit(str(error))

wsgi_app = "facade_site.asgi:application"
worker_class = "routing.dataplane.serving.gunicorn_worker.FacadeWorker"
proc_name = "registry-facade"
# The application and the table are loaded once, and the workers share that memory. Code that has changed is therefore
# taken up by a restart (or SIGUSR2), not by SIGHUP.
preload_app = True

bind = [f"{variables.BIND}:{variables.PORT}"]
if variables.FACADE_SOCKET:
    bind.append(f"unix:{variables.FACADE_SOCKET}")
if variables.FACADE_TLS_CERTIFICATES:
    bind.append(f"{variables.BIND}:{variables.FACADE_TLS_PORT}")
# Those of the port, and those of the pages.
workers = variables.WEB_CONCURRENCY + variables.FACADE_CONTROL_WORKERS

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
loglevel = level_of_servers(variables.LOG_LEVEL)
logger_class = ServerLogger
# To stdout. One line for each request costs more than answering it.
accesslog = "-" if variables.FACADE_ACCESS_LOG else None

# gunicorn would otherwise open a socket in the home folder by which the server can be managed.
control_socket_disable = True
# The middleware judges forwarded headers itself, by FACADE_TRUSTED_PROXIES: nothing before it may rewrite the client.
forwarded_allow_ips = ""


def on_starting(server: Any) -> None:
    """Called once, before the workers."""
    if variables.FACADE_CONTROL_WORKERS:
        from routing.dataplane.serving.gunicorn_worker import FacadeWorker
        from routing.dataplane.serving.handover import Handover

        FacadeWorker.handover = Handover()
    if variables.FACADE_TLS_CERTIFICATES:
        _end_tls(Path(variables.FACADE_TLS_CERTIFICATES))


def _end_tls(folder: Path) -> None:
    from routing.dataplane.serving.gunicorn_worker import FacadeWorker
    from routing.dataplane.serving.tls_certificates import CertificateFolder
    from routing.dataplane.serving.tls_handshake import Tls

    if not folder.is_dir():
        logging.getLogger("facade_site.server").warning(
            "FACADE_TLS_CERTIFICATES: there is no folder %s yet, so no TLS handshake succeeds", folder
        )
    FacadeWorker.tls = Tls(CertificateFolder(folder), variables.FACADE_TLS_PORT)


def pre_fork(server: Any, worker: Any) -> None:
    """Called in the first process before each worker."""
    from routing.dataplane.live.live_table import live_table
    from routing.dataplane.telemetry.metrics import sharing

    worker.is_control, worker.is_old = len(_workers(server, control=False)) >= _most_workers(server), False
    live_table.before_fork()
    # This process serves nobody: its gauges, all 0, must not be among the workers'.
    sharing.share(gauges=False)


def post_fork(server: Any, worker: Any) -> None:
    """Called in each worker: from here on it follows the table by itself."""
    from routing.dataplane.live.comparison import CONTROL_WORKER, WORKER
    from routing.dataplane.live.live_table import live_table
    from routing.priority import come_second

    live_table.role = CONTROL_WORKER if worker.is_control else WORKER
    if worker.is_control:
        name_process(CONTROL_NAME)
        come_second()
    name_connections(f"{live_table.role} {worker.age} web")
    live_table.follow()


def _workers(server: Any, *, control: bool) -> list[Any]:
    """Those of a kind, but for those that a reload is about to end."""
    return [worker for worker in server.WORKERS.values() if worker.is_control == control and not worker.is_old]


def _most_workers(server: Any) -> int:
    """How many take the port's connections; the rest are control workers. SIGTTIN and SIGTTOU change it."""
    return max(int(server.num_workers) - variables.FACADE_CONTROL_WORKERS, 1)


def on_reload(server: Any) -> None:
    """Called at SIGHUP, before the new workers: they take the places of all that there are."""
    for worker in server.WORKERS.values():
        worker.is_old = True


def when_ready(server: Any) -> None:
    """Start the work that nobody asks for beside the workers; it ends with this process."""
    if variables.FACADE_MAINTAIN == "elsewhere":
        return
    argv = [sys.executable, str(BASE_DIR / "manage.py"), "maintain", "--with-parent", str(os.getpid())]
    if variables.FACADE_MAINTAIN == "false":
        argv.append("--snapshot-only")
    environ = {name: value for name, value in os.environ.items() if name != METRICS_DIR}  # It is no worker.
    server.maintenance = Supervised(argv, BASE_DIR, environ, server.log.error_log)


def child_exit(server: Any, worker: Any) -> None:
    """Called in the first process after a worker's end, whatever ended it: its counts stay, its gauges go."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
    handover = getattr(worker, "handover", None)  # Another class of workers has none.
    if handover is not None:
        handover.open(any(other.is_control for other in server.WORKERS.values()))
    # SIGTTOU may have ended a control worker, since gunicorn ends the eldest of all: another one makes room for it.
    others = _workers(server, control=False)
    if len(server.WORKERS) >= server.num_workers and len(others) > _most_workers(server):
        server.kill_worker(min(others, key=lambda other: other.age).pid, signal.SIGTERM)


def on_exit(server: Any) -> None:
    """End the maintenance without waiting for its next look at its parent, and say that nobody is served any more."""
    maintenance = getattr(server, "maintenance", None)
    if maintenance is not None:
        maintenance.stop()
    shutil.rmtree(os.environ[METRICS_DIR], ignore_errors=True)
    logging.getLogger("facade_site.server").info("the facade has ended")
