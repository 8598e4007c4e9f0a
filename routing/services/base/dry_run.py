"""A dry run: verbs do all that they do, refusals included, and their transactions are rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction

_is_dry: ContextVar[bool] = ContextVar("routing_dry_run", default=False)
_is_open: ContextVar[bool] = ContextVar("routing_verb_transaction", default=False)


@contextmanager
def dry_run() -> Iterator[None]:
    """Nothing that verbs write within it stays, is published, or is told in the log.

    What they return is as it would be. Other machines that a check asks, such as name servers, are asked.
    """
    token = _is_dry.set(True)
    try:
        yield
    finally:
        _is_dry.reset(token)


def is_dry_run() -> bool:
    """Whether what is written now is rolled back."""
    return _is_dry.get()


@contextmanager
def verb_transaction() -> Iterator[None]:
    """A verb's transaction, or a part of the one that it lies in. The outermost is rolled back in a dry run."""
    is_outermost = not _is_open.get()
    token = _is_open.set(True)
    try:
        with transaction.atomic():
            yield
            if is_outermost and _is_dry.get():
                transaction.set_rollback(True)
    finally:
        _is_open.reset(token)
