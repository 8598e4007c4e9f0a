"""One unit of work: what a verb saves, its history and its changes for the workers, in one transaction.

The only place from which routing tables and the change log are written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.utils import timezone

from routing.conf import NOTIFY_CHANNEL
from routing.models import Change, Generation
from routing.models.history import sign
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError

# A worker that was away for more changes than this loads the whole table anew.
KEPT_CHANGES = 100_000
_PRUNE_EVERY = 1_000
_BATCH_ROWS = 500


class _Noun(Protocol):
    pk: Any

    @property
    def table_kind(self) -> str: ...
    @property
    def table_key(self) -> str: ...


class UnitOfWork:
    """Saves and deletes on behalf of one actor, for one reason. Made by `work`."""

    def __init__(self, actor: Actor, reason: str, generation: Generation) -> None:
        self.actor = actor
        self._reason = reason
        self._generation = generation
        self._published = False

    def save(self, instance: models.Model) -> None:
        """Validate and write a row. Raises ServiceError with the messages by field; then nothing is written."""
        try:
            instance.full_clean()
        except ValidationError as error:
            raise ServiceError.invalid(error) from error
        self._sign(instance)
        instance.save()
        self._publish(instance)

    def save_without_history(self, instance: Any, **facts: Any) -> None:
        """Write down what was found out about a row: no part of its history. Publishes what requests depend on."""
        before = instance.table_entry()
        for name, value in facts.items():
            setattr(instance, name, value)
        instance.skip_history_when_saving = True
        try:
            instance.save(update_fields=list(facts))
        finally:
            del instance.skip_history_when_saving
        if instance.table_entry() != before:
            self._publish(instance)

    def delete(self, instance: models.Model) -> None:
        """Remove a row. Raises ServiceError while other rows refer to it."""
        self._sign(instance)
        key = (instance.table_kind, instance.table_key)  # type: ignore[attr-defined]
        try:
            instance.delete()
        except models.ProtectedError as error:
            kinds = sorted({str(item._meta.verbose_name_plural) for item in error.protected_objects})
            raise ServiceError(f"{instance} is still used by {' and '.join(kinds)}; remove those first") from error
        self._record(*key, None)

    def delete_all(self, rows: models.QuerySet[Any]) -> None:
        """Remove rows of one kind that nothing refers to, as `delete` does one by one, in a few statements.

        For many at once: meanwhile every other writer waits.
        """
        gone = list(rows)
        past = rows.model.history.model
        past.objects.bulk_create(
            (
                past(
                    history_type="-",
                    history_date=timezone.now(),
                    history_user=self.actor.user,
                    history_change_reason=self._reason,
                    actor=self.actor.label,
                    **{field.attname: getattr(instance, field.attname) for field in past.tracked_fields},
                )
                for instance in gone
            ),
            batch_size=_BATCH_ROWS,
        )
        # Without signals: theirs would write each row's history once more.
        rows._raw_delete(rows.db)
        first = self._generation.value + 1
        Change.objects.bulk_create(
            (
                Change(generation=generation, kind=instance.table_kind, key=instance.table_key, entry=None)
                for generation, instance in enumerate(gone, first)
            ),
            batch_size=_BATCH_ROWS,
        )
        self._generation.value += len(gone)
        self._published = self._published or bool(gone)

    def finish(self) -> None:
        """Write the generation once all is saved, and wake the workers that listen."""
        if not self._published:
            return
        self._generation.save()
        if self._generation.value % _PRUNE_EVERY == 0:
            Change.objects.filter(generation__lte=self._generation.value - KEPT_CHANGES).delete()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # Delivered when, and only if, this transaction commits.
                cursor.execute(f"NOTIFY {NOTIFY_CHANNEL}")

    def _sign(self, instance: Any) -> None:
        sign(instance, self.actor.label, self.actor.user, self._reason)

    def _publish(self, instance: Any) -> None:
        self._record(instance.table_kind, instance.table_key, instance.table_entry()._asdict())

    def _record(self, kind: str, key: str, entry: dict[str, Any] | None) -> None:
        self._generation.value += 1
        self._published = True
        Change.objects.create(generation=self._generation.value, kind=kind, key=key, entry=entry)


@contextmanager
def unit_of_work(actor: Actor, reason: str) -> Iterator[UnitOfWork]:
    """A transaction that is alone among writers: what it checks stays true until it commits.

    The generation's row lock (SQLite: the database's) puts the writers in line, so generations commit in order and
    a worker that has seen generation n will never see a smaller one appear.
    """
    with transaction.atomic():
        Generation.objects.get_or_create(pk=1)
        unit = UnitOfWork(actor, reason.strip(), Generation.objects.select_for_update().get(pk=1))
        yield unit
        unit.finish()
