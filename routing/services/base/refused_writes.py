"""A database that takes no change now: whoever asked for one is told why, and that nothing was changed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import Error, connection

from routing.database.failures import Failure, failure_of
from routing.database.holder import holder_of
from routing.database.postgresql import is_standby
from routing.models import Generation
from routing.services.base.actor import Actor
from routing.services.base.errors import Unavailable

logger = logging.getLogger(__name__)

_REFUSED = (Failure.BUSY, Failure.READ_ONLY, Failure.FULL)


@contextmanager
def refused_writes(actor: Actor) -> Iterator[None]:
    """Turn a write that the database refused within into Unavailable. Goes around the transaction."""
    try:
        if is_standby():
            # Not even tried, or it would be an error in the server's log.
            raise Unavailable(Failure.READ_ONLY.sentence, Failure.READ_ONLY.retry_after_seconds)
        yield
    except Error as error:
        failure = failure_of(error)
        if failure not in _REFUSED:
            raise
        said = failure.sentence
        if failure is Failure.BUSY:
            said += _holder_in_words(actor)
        raise Unavailable(said, failure.retry_after_seconds) from error


def _holder_in_words(actor: Actor) -> str:
    """Who it is that all wait for: for the log, and for those who can end it."""
    holder = None
    if not connection.in_atomic_block:
        with suppress(Error):
            holder = holder_of(Generation._meta.db_table)
    logger.warning("a change was refused: %s holds the database", holder or "somebody else")
    if holder is None or not actor.is_operator:
        return ""
    return f". {holder} holds it; to end that: SELECT pg_terminate_backend({holder.pid})"
