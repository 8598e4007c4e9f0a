"""The gunicorn worker: uvicorn with the fast lane, and a shutdown that loses no request.

Imports fast_lane.
"""

import sys
from typing import Any

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from routing.dataplane.fast_lane import FastLane, drain


class FacadeWorker(UvicornWorker):  # type: ignore[misc]  # uvicorn_worker has no types
    """A process that answers registry clients, and people on control hosts."""

    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": FastLane,
        # Nothing here speaks WebSocket.
        "ws": "none",
        # The middleware judges forwarded headers itself, by FACADE_TRUSTED_PROXIES.
        "proxy_headers": False,
    }

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = DrainingServer(self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


class DrainingServer(Server):
    """uvicorn's server, whose connections are told of the end before it comes."""

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop accepting, let the connections end with an answer each, close those that stay silent."""
        drain()
        await super().shutdown(sockets)
