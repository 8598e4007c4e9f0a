"""Connections to the database, which are few, are not held while other machines are waited for."""

from django.db import connections


def give_back_connection() -> None:
    """Let others have this thread's connections: the next query opens one, or takes one from the pool.

    To be called before waiting for another machine. Within a transaction it does nothing: nobody should wait there.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
