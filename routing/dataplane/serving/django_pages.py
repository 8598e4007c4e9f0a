"""Django's own ASGI handler, as it is asked for pages."""

from typing import Any

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler


class Pages(ASGIHandler):
    """The handler, which leaves no request to the garbage collector.

    Its own tells by an exception that the client has left, or has its answer: `handle` catches that and does nothing
    with it. But what was raised holds the frame of `handle`, and with it the request, the answer, and the task that
    keeps what was raised: a circle with all that belongs to a page, for each page.
    """

    async def listen_for_disconnect(self, receive: Any) -> None:
        """Wait until the client is gone, or has its answer."""
        try:
            await super().listen_for_disconnect(receive)
        except RequestAborted:
            return
