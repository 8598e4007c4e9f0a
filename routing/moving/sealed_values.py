"""What the database holds encrypted under SECRET_KEY: where it stands, under which key, and how it gets another.

Sealed tokens are good for minutes and kept nowhere; API tokens are signed and kept as hashes.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Mapping as AnyMapping
from typing import Any, NamedTuple

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Model, QuerySet

from routing.accounts.mail import LETTER
from routing.crypto import (
    LETTERS,
    PULL_ACCOUNTS,
    SECOND_FACTORS,
    WEBHOOKS,
    key_id,
    key_id_of,
    resealed,
    secret_keys,
)
from routing.models import Job, Mapping, Registry, Subscription
from routing.services.base.actor import Actor
from routing.services.base.unit_of_work import unit_of_work

#: In place of a key's id: no key opens it.
UNREADABLE = ""
# A transaction each: writers of these tables wait for no more.
_BATCH_ROWS = 200
_TELL_SECONDS = 2.0

#: Told now and then of how many rows were looked at, and how many there are.
Progress = Callable[[str, int, int], None]


class Place(NamedTuple):
    """A column of JSON objects; `members` are those of an object that are encrypted for `use`: a text, or texts.

    Or a column of such texts themselves, with no `members`.
    """

    name: str
    use: str
    model: type[Model]
    column: str
    members: tuple[str, ...] = ()
    only: tuple[str, tuple[str, ...]] | None = None

    @property
    def is_routed(self) -> bool:
        """Whether every worker's table has the text too."""
        return hasattr(self.model, "table_entry")

    def rows(self) -> "QuerySet[Any]":
        """The rows that may hold some: those with one of some values in another column."""
        rows = self.model._default_manager.all()
        if self.only is None:
            return rows.exclude(**{self.column: ""})
        column, values = self.only
        return rows.filter(**{f"{column}__in": values})

    def holds(self, row: AnyMapping[str, Any]) -> bool:
        """Whether a row, by the names of its columns, is one of these. Older releases had fewer columns."""
        if self.only is None:
            return bool(row.get(self.column))
        column, values = self.only
        return row[column] in values

    def sealed_in(self, value: Any) -> list[str]:
        """The encrypted texts of one row."""
        if not self.members:
            return [value] if value else []
        found = [value[member] for member in self.members if member in value]
        return [text for each in found for text in (each if isinstance(each, list) else [each])]

    def resealed(self, value: Any, others: Sequence[str] = ()) -> Any:
        """The row's object with its texts encrypted under SECRET_KEY. Raises InvalidToken where one can't be opened."""

        def anew(sealed: Any) -> Any:
            return [anew(each) for each in sealed] if isinstance(sealed, list) else resealed(self.use, sealed, others)

        if not self.members:
            return anew(value)
        return {member: anew(each) if member in self.members else each for member, each in value.items()}

    def key_of(self, value: Any, others: Sequence[str] = ()) -> str | None:
        """The id of the row's key, of several the one that isn't SECRET_KEY's; UNREADABLE, or None without any text."""
        ids = {key_id_of(self.use, sealed, others) or UNREADABLE for sealed in self.sealed_in(value)}
        former = ids - {key_id(secret_keys()[0])}
        return min(former or ids, default=None)


_OF_FACTORS = ("secret", "seed", "migrated_codes")
_FACTORS = (Authenticator.Type.TOTP.value, Authenticator.Type.RECOVERY_CODES.value)
PLACES = (
    Place("second factors", SECOND_FACTORS, Authenticator, "data", _OF_FACTORS, ("type", _FACTORS)),
    Place("webhooks", WEBHOOKS, Subscription, "sealed", ("secret",), ("channel", (Subscription.Channel.WEBHOOK,))),
    Place("registry accounts", PULL_ACCOUNTS, Registry, "account_sealed"),
    Place("mapping accounts", PULL_ACCOUNTS, Mapping, "account_sealed"),
    Place("mails that wait", LETTERS, Job, "arguments", ("sealed",), ("kind", (LETTER.name,))),
)


def rows_by_key(place: Place) -> Counter[str]:
    """How many rows of a place are under which key, by its id; under UNREADABLE those that no key opens."""
    values = place.rows().order_by("pk").values_list(place.column, flat=True).iterator()
    return Counter(key for key in map(place.key_of, values) if key is not None)


def rotate(place: Place, progress: Progress) -> int:
    """Encrypt under SECRET_KEY what is under a former key; the number of rows that were.

    Batch by batch, so that it can be broken off and begun again. What no key opens stays as it is.
    """
    total, seen, changed, last, told = place.rows().count(), 0, 0, 0, time.monotonic()
    while True:
        with transaction.atomic():
            batch = list(place.rows().filter(pk__gt=last).order_by("pk").select_for_update()[:_BATCH_ROWS])
            changed += sum(_rotate_row(place, row) for row in batch if not place.is_routed)
        if place.is_routed:
            changed += _rotate_routed(place, batch)
        if not batch:
            return changed
        seen, last = seen + len(batch), batch[-1].pk
        if time.monotonic() - told >= _TELL_SECONDS:
            progress(place.name, seen, total)
            told = time.monotonic()


def _rotate_routed(place: Place, batch: Sequence[Any]) -> int:
    """The same for rows of which every worker has the text: each hears of the new one. Their history says nothing."""
    former = [row.pk for row in batch if _is_former(place, row)]
    if not former:
        return 0
    with unit_of_work(Actor.command_line(), "keys were rotated") as unit:
        rows = [row for row in place.rows().filter(pk__in=former).select_for_update() if _is_former(place, row)]
        for row in rows:
            unit.save_without_history(row, **{place.column: place.resealed(getattr(row, place.column))})
    return len(rows)


def _is_former(place: Place, row: Any) -> bool:
    return place.key_of(getattr(row, place.column)) not in (None, UNREADABLE, key_id(secret_keys()[0]))


def _rotate_row(place: Place, row: Any) -> bool:
    if not _is_former(place, row):
        return False
    value = getattr(row, place.column)
    place.rows().filter(pk=row.pk).update(**{place.column: place.resealed(value)})
    return True
