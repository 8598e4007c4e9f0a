"""Writes down, for all servers, which generation the processes of this one answer from."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from routing.database.clock import database_now
from routing.models.server import Server

TELL_SECONDS = Server.TELL_SECONDS
_KEPT = timedelta(hours=1)


def tell_served(server: str, processes: Sequence[dict[str, Any]]) -> None:
    """Replace what a server told of its processes; throw away what those told that are gone. Raises django.db.Error."""
    now = database_now()
    Server.objects.update_or_create(name=server, defaults={"processes": list(processes), "at": now})
    Server.objects.filter(at__lt=now - _KEPT).delete()
