"""The gunicorn worker: uvicorn with the fast lane, and a shutdown that loses no request.

There are two kinds (handover.py says why): workers take the port's connections and answer registry clients; control
workers take from them those that ask for pages.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from typing import Any

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from routing.dataplane.pulls.counting import pull_counting
from routing.dataplane.serving import access_log
from routing.dataplane.serving.access_log import AccessLog
from routing.dataplane.serving.fast_lane import FastLaneProtocol, count_given, drain
from routing.dataplane.serving.handover import GivingProtocol, Handover, Taker, TakingProtocol
from routing.dataplane.serving.tls_handshake import Tls, TlsListener
from routing.dataplane.upstream.streaming_quota import streaming_quota
from routing.dataplane.views.metrics import flush

logger = logging.getLogger(__name__)

# How far behind what a worker has counted its metrics may be, in seconds.
_FLUSH_SECONDS = 1.0
_PARENT_SECONDS = 1.0
# How long Python lets a thread run on while another one waits, by itself 5 ms. The event loop waits after each system
# call, of which a redirect takes several, while other threads answer pages and load tables.
_SWITCH_SECONDS = 0.0005


# How long a control worker takes what workers sent before they, too, learnt of the end.
_TAKING_SECONDS = 0.3


class FacadeWorker(UvicornWorker):  # type: ignore[misc]  # uvicorn_worker has no types
    """A process that answers registry clients, or people on control hosts.

    `handover`: the way from the one to the other, set before the fork. None: there are no control workers, and each
    answers both. `is_control`: which of them this one is. `tls`: how one of its ports ends TLS, where one does.
    """

    handover: Handover | None = None
    tls: Tls | None = None
    is_control = False

    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": FastLaneProtocol,
        # Nothing here speaks WebSocket.
        "ws": "none",
        # Django has none, and uvicorn would ask for it, and say each time that there is none.
        "lifespan": "off",
        # The middleware judges forwarded headers itself, by FACADE_TRUSTED_PROXIES.
        "proxy_headers": False,
        # access_log.py has another form of it, and the fast lane's requests as well.
        "access_log": False,
    }

    def __init__(self, age: int, ppid: int, sockets: Any, app: Any, timeout: int, cfg: Any, log: Any) -> None:
        umask = os.umask(0o077)
        os.umask(umask)
        try:
            super().__init__(age, ppid, sockets, app, timeout, cfg, log)
        except OSError as error:
            # The file of its sign of life can't be made. In the first process that would be the end of the server.
            os.umask(umask)
            logger.warning("%s has no room for another file: %s", cfg.worker_tmp_dir or "the temporary folder", error)
            cfg.set("worker_tmp_dir", None)
            super().__init__(age, ppid, sockets, app, timeout, cfg, log)
        access_log.logger.handlers = self.log.access_log.handlers
        access_log.logger.setLevel(logging.INFO)
        access_log.logger.propagate = False

    async def _serve(self) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)
        self.config.app = AccessLog(self.wsgi) if access_log.is_on() else self.wsgi
        server = self._server()
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.end)
        flushing = asyncio.create_task(_keep_flushing())
        # A thread, so that a worker whose event loop hangs ends as well.
        ends = (self.ppid, server, self.cfg.graceful_timeout)
        threading.Thread(target=_end_with_parent, args=ends, name="parent", daemon=True).start()
        await server.serve(sockets=[] if self.is_control else self.sockets)
        flushing.cancel()
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        if server.was_told_to_end:
            # At once, as by the signal itself: what other threads still wait for holds up no end.
            logging.shutdown()
            os._exit(0)

    def _server(self) -> "DrainingServer":
        if self.handover is None:
            return DrainingServer(self.config, self.tls)
        self.handover.keep_one_end(taking=self.is_control)
        if not self.is_control:
            GivingProtocol.handover = self.handover
            self.config.http = GivingProtocol
            return DrainingServer(self.config, self.tls)
        for listener in self.sockets:
            # A port that is closed must be closed in every process.
            listener.close()
        return ControlServer(self.config, self.handover)


class DrainingServer(Server):
    """uvicorn's server, whose connections are told of the end before it comes. `tls`: how one of its ports ends TLS."""

    was_told_to_end = False

    def __init__(self, config: Any, tls: Tls | None = None) -> None:
        super().__init__(config)
        self._tls = tls

    async def startup(self, sockets: Any = None) -> None:
        """Begin to listen."""
        if self._tls is None:
            await super().startup(sockets)
            return
        ending_tls = self._tls.listening_among(sockets)
        await super().startup([listening for listening in sockets if listening is not ending_tls])
        if ending_tls is None:
            logger.error(
                "no socket listens on FACADE_TLS_PORT: whoever opens them for this server has to open that too"
            )
            return
        listener = TlsListener(self._tls, self.server_state, self._protocol)
        await listener.listen(ending_tls, self.config.backlog)
        self.servers.append(listener)  # type: ignore[arg-type]  # it has what is asked of one

    def _protocol(self) -> Any:
        """The protocol that goes on with a connection, as uvicorn makes it."""
        protocol: Any = self.config.http_protocol_class
        return protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Called when a signal ends it: what is asked from here on is its connection's last."""
        drain()
        super().handle_exit(sig, frame)

    def end(self) -> None:
        """Begin to end. For SIGQUIT, by which gunicorn's first process ends its workers when it gets a SIGINT alone."""
        drain()
        self.was_told_to_end = self.should_exit = True

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop accepting, let the connections end with an answer each, close those that stay silent."""
        drain()
        await super().shutdown(sockets)
        flush()
        count_given()
        # On threads: the database may not answer.
        await asyncio.gather(asyncio.to_thread(streaming_quota.stop), asyncio.to_thread(pull_counting.stop))
        # uvicorn would raise the signal over again, and gunicorn take that for a worker that somebody else has ended.
        self.was_told_to_end = self.was_told_to_end or bool(self._captured_signals)
        self._captured_signals.clear()


class ControlServer(DrainingServer):
    """Serves the connections that workers hand over."""

    def __init__(self, config: Any, handover: Handover) -> None:
        super().__init__(config)
        self._handover = handover

    async def startup(self, sockets: Any = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        self._taker = Taker(self._handover, self._taking_protocol)

    async def shutdown(self, sockets: Any = None) -> None:
        """Take what was sent until now, and end as any server does."""
        await asyncio.sleep(_TAKING_SECONDS)
        self._taker.stop()
        await super().shutdown(sockets)

    def _taking_protocol(self, read: bytes) -> TakingProtocol:
        return TakingProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, read=read
        )


def _end_with_parent(parent: int, server: Server, graceful_seconds: float) -> None:
    """End this worker when the server's first process is gone, which would tell it to, and would kill it at last.

    Without that it would keep the port for ever, and nobody would look after it.
    """
    while os.getppid() == parent:
        time.sleep(_PARENT_SECONDS)
    logger.error("the server's first process is gone; this worker ends when it has finished what it has begun")
    server.should_exit = True
    time.sleep(graceful_seconds)
    logger.error("this worker ends with requests that are not finished")
    os._exit(1)


async def _keep_flushing() -> None:
    """Tell the metrics now and then what this worker has counted."""
    while True:
        count_given()
        try:
            flush()
        except Exception:
            logger.exception("writing the metrics failed; trying again")
        await asyncio.sleep(_FLUSH_SECONDS)
