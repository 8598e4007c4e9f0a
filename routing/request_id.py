"""The id of the call that is being answered, by whichever door it came: kept with the history, told in errors and logs.

One context variable holds it. asgiref carries that from the event loop into the threads in which views run; a thread
that is started here takes a copy of the context along.
"""

import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAX_REQUEST_ID_LENGTH = 128
# Nothing that could end a line, a header or a quoted string.
_FORM = re.compile(rf"[A-Za-z0-9._:=+/-]{{1,{MAX_REQUEST_ID_LENGTH}}}\Z")
_current: ContextVar[str] = ContextVar("routing_request_id", default="")


def current_request_id() -> str:
    """The present call's id; "" outside of any."""
    return _current.get()


def new_request_id() -> str:
    """An id that no other call has (RFC 9562, version 4), without dashes."""
    return uuid.uuid4().hex


def is_request_id(text: str) -> bool:
    """Whether a proxy's text may serve as an id."""
    return bool(_FORM.match(text))


@contextmanager
def request_id(text: str = "") -> Iterator[str]:
    """A call, of that id or of a new one, for as long as the context lasts."""
    token = _current.set(text or new_request_id())
    try:
        yield _current.get()
    finally:
        _current.reset(token)


@contextmanager
def within_request() -> Iterator[str]:
    """The present call, or a new one where there is none."""
    if _current.get():
        yield _current.get()
        return
    with request_id() as made:
        yield made


class RequestIdFilter(logging.Filter):
    """Gives every record `request_id`: the present call's, unless it brings its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        if not hasattr(record, "request_id"):
            of_request = getattr(getattr(record, "request", None), "request_id", "")
            record.request_id = current_request_id() or of_request
        return True
