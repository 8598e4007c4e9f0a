"""Up to which generation somebody vouches for the routing table: read by followers that hold an older one."""

from routing.models.confirmation import Confirmation


def last_confirmation() -> tuple[int, float] | None:
    """The generation, and when it was confirmed, in seconds since 1970; None where none was.

    Raises django.db.DatabaseError.
    """
    row = Confirmation.objects.filter(pk=1).first()
    return None if row is None else (row.generation, row.at.timestamp())
