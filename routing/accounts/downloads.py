"""Documents that a browser or a program keeps, sent piece by piece while they are written."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

_PIECES_AT_A_TIME = 500


def download(request: HttpRequest, pieces: Iterator[str], name: str) -> StreamingHttpResponse:
    """A JSON document as an answer, to be kept under that name and by no cache."""
    # Each kind of server takes one kind of iterator, and would read the whole of the other first.
    body = _for_asgi(pieces) if isinstance(request, ASGIRequest) else _joined(pieces)
    response = StreamingHttpResponse(body, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _joined(pieces: Iterator[str]) -> Iterator[bytes]:
    while part := _next_part(pieces):
        yield part


async def _for_asgi(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    # In the thread of the request's views, which has its connection to the database.
    while part := await sync_to_async(_next_part)(pieces):
        yield part


def _next_part(pieces: Iterator[str]) -> bytes:
    return "".join(islice(pieces, _PIECES_AT_A_TIME)).encode()
