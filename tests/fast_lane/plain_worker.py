"""The worker without the fast lane, to hold the one with it against: uvicorn's own protocol, else the same settings."""

from typing import Any

from uvicorn_worker import UvicornWorker

from routing.dataplane.serving.gunicorn_worker import FacadeWorker


class PlainWorker(UvicornWorker):  # type: ignore[misc]  # uvicorn_worker has no types
    """Django's answers only."""

    CONFIG_KWARGS: dict[str, Any] = {**FacadeWorker.CONFIG_KWARGS, "http": "httptools"}
