"""What gunicorn itself logs, and the access log: in the chosen form, and without secrets."""

import logging
from typing import Any

from gunicorn.glogging import Logger

from facade_site.log_formats import LOG_FORMATS, JsonFormatter
from facade_site.redaction import RedactingFormatter
from facade_site.variables import FACADE_LOG_FORMAT


def level_of_servers(level: str) -> str:
    """From which level on gunicorn and uvicorn log, where the facade does from `level` on, as gunicorn writes it.

    What they tell of their processes is for whoever looks for a fault: it would push what the facade says out of sight.
    """
    return {"DEBUG": "info", "INFO": "warning"}.get(level, level).lower()


class ServerLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's loggers, whose handlers the workers inherit."""

    def setup(self, cfg: Any) -> None:
        """Called at the start, and at SIGHUP, which makes the handlers anew."""
        super().setup(cfg)
        form = LOG_FORMATS[FACADE_LOG_FORMAT]
        for handler in self.access_log.handlers:
            handler.setFormatter(form())
        for handler in self.error_log.handlers:
            # In lines, gunicorn's own form, which people know.
            own = RedactingFormatter(handler.formatter or logging.Formatter())
            handler.setFormatter(JsonFormatter() if form is JsonFormatter else own)
