"""One unit of work: what a verb saves, its history and its changes for the workers, in one transaction.

The only place from which routing tables, their history and the change log are written.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, Protocol, TypeVar, cast

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import F
from django.utils import timezone

from routing.conf import NOTIFY_CHANNEL
from routing.core.grammar.printable import printable
from routing.database.clock import database_now
from routing.database.postgresql import bound_transaction
from routing.models import Change, Confirmation, Generation
from routing.models.history import sign
from routing.models.versioned import VersionedModel, VersionedQuerySet
from routing.request_id import current_request_id, within_request
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.dry_run import verb_transaction
from routing.services.base.errors import Outdated, ServiceError
from routing.services.base.events import announce
from routing.services.base.history_chain import append_to_chain
from routing.services.base.permissions import Permission, PermissionDenied, check_permission
from routing.services.base.rates import spend_change
from routing.services.base.refused_writes import refused_writes
from routing.services.base.rows import get_row, get_rows
from routing.services.base.rules import Write, check_rules

#: Of what people type, doors take 1,000; some verbs put a few words before it.
MAX_REASON_LENGTH = 1100

# A worker that was away for more changes than this loads the whole table anew.
KEPT_CHANGES = 100_000
_PRUNE_EVERY = 1_000
_BATCH_ROWS = 500
# Of a table's entries.
_RARE = ("challenge", "former", "notice", "account", "step", "front", "badges")

V = TypeVar("V", bound=VersionedModel)


class _Routed(Protocol):
    """A row that the routing table has an entry for."""

    @property
    def table_kind(self) -> str: ...
    @property
    def table_key(self) -> str: ...
    def table_entry(self) -> Any: ...


class UnitOfWork:
    """Reads, saves and deletes on behalf of one actor, for one reason. Made by `work`."""

    def __init__(self, actor: Actor, reason: str, generation: Generation) -> None:
        self.actor = actor
        self._reason = reason
        self._generation = generation
        self._first = generation.value
        self._published = False
        self._confirms = False
        self._written: list[Any] = []
        self._memo: dict[Any, Any] = {}
        #: The change set that is being applied, for the history.
        self.change_set: int | None = None
        #: Whether it takes no report, whatever the tenant's policy wants: it leads back to what was, or is the last of
        #: steps that began with one.
        self.waives_report = False

    @property
    def generation(self) -> int:
        """The newest, with what was written so far."""
        return self._generation.value

    # ---------------------------------------------------------------- reading
    def get(self, model: type[V], pk: int, action: Permission, if_match: Collection[int] | None = None) -> V:
        """The row as it is now, locked until the transaction ends, where the actor may do that to it.

        `if_match`: the versions at which the caller takes it; None takes any. Raises NotFound, PermissionDenied,
        Outdated.
        """
        if action is Permission.ADMINISTER:
            # Before anybody is told whether there is such a row.
            check_permission(self.actor, action, None)
        row = get_row(self._locked(model), pk)
        check_permission(self.actor, action, row.owning_tenant)
        check_version(row, if_match)
        return row

    def get_all(
        self, model: type[V], pks: Collection[int], action: Permission, if_match: Collection[int] | None = None
    ) -> list[V]:
        """The same for several: all, or none. Raises NotFound, PermissionDenied, Outdated."""
        if action is Permission.ADMINISTER:
            check_permission(self.actor, action, None)
        rows = get_rows(self._locked(model), pks)
        # What somebody may depends on the tenant alone, and roles are asked of the database each time.
        for tenant in {row.owning_tenant_id: row.owning_tenant for row in rows}.values():
            check_permission(self.actor, action, tenant)
        for row in rows:
            check_version(row, if_match)
        return rows

    def _locked(self, model: type[V]) -> VersionedQuerySet[V]:
        rows = cast(VersionedQuerySet[V], model._default_manager.all()).viewable_by(self.actor).with_names()
        # No row that others refer to keeps them from being written meanwhile, such as a count of streamed bytes.
        return rows.select_for_update(of=("self",), no_key=True)

    # ---------------------------------------------------------------- writing
    def add(self, row: models.Model) -> None:
        """Judge and write a new row. Raises ServiceError with the messages by field; then nothing is written."""
        self._validate(row)
        check_rules(self._write_of(row))
        self._sign(row)
        row.save(force_insert=True)
        self._publish(row)

    def judge(self, row: models.Model, before: models.Model, changed: Collection[str]) -> None:
        """Ask the rules of a row that is not to be written yet. Raises ServiceError."""
        check_rules(self._write_of(row, before), changed)

    def update(self, row: VersionedModel, **values: Any) -> list[str]:
        """Set what differs, and write that alone. Gives the names of what changed: none where it was so already.

        Raises ServiceError with the messages by field; then nothing is written.
        """
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        if not changed:
            return []
        before = copy(row)
        for name in changed:
            setattr(row, name, values[name])
        self._validate(row)
        check_rules(self._write_of(row, before), changed)
        self._sign(row)
        self._write(row, changed)
        if _differs(row, before):
            self._publish(row)
        return changed

    def hand_over(self, row: V, tenant: Any, told: tuple[str, str], **values: Any) -> None:
        """Make a row another tenant's, which nothing else does, and set values along with that.

        In the history it was removed from the one and added to the other; `told`: why, to the one and to the other,
        neither of which learns who the other is. Raises ServiceError; then nothing is written.
        """
        self._write_past([row], "-", told[0])
        row.tenant = tenant  # type: ignore[attr-defined]
        for name, value in values.items():
            setattr(row, name, value)
        self._validate(row)
        # As for a new row: that it was somebody else's is no objection here.
        check_rules(self._write_of(row), ["tenant", *values])
        row.skip_history_when_saving = True  # type: ignore[attr-defined]
        try:
            self._write(row, ["tenant", *values])
        finally:
            del row.skip_history_when_saving  # type: ignore[attr-defined]
        self._write_past([row], "+", told[1])
        self._publish(row)

    def update_all(self, rows: Sequence[V], **values: Any) -> list[V]:
        """The same values for many rows of one kind, in a few statements. Gives those that changed.

        For values that no constraint forbids. Raises ServiceError where a value isn't one for its field.
        """
        changed = [row for row in rows if any(getattr(row, name) != value for name, value in values.items())]
        if not changed:
            return []
        now, model = timezone.now(), type(changed[0])
        stamps = dict.fromkeys(_stamps(changed[0]), now)
        published = []
        for row in changed:
            before = copy(row)
            for name, value in (values | stamps).items():
                setattr(row, name, value)
            check_rules(self._write_of(row, before), values)
            row.version += 1
            if _differs(row, before):
                published.append(row)
        self._validate(changed[0], only=set(values))
        among = model._default_manager.filter(pk__in=[row.pk for row in changed])
        among.update(version=F("version") + 1, **values, **stamps)
        self._keep_past(changed, "~")
        self._record_all([(row, _fields(row.table_entry())) for row in published])  # type: ignore[attr-defined]
        return changed

    def save_without_history(self, row: VersionedModel, **facts: Any) -> None:
        """Write down what was found out about a row: no part of its history. Publishes what requests depend on."""
        before = copy(row)
        for name, value in facts.items():
            setattr(row, name, value)
        row.skip_history_when_saving = True  # type: ignore[attr-defined]
        try:
            self._write(row, list(facts))
        finally:
            del row.skip_history_when_saving  # type: ignore[attr-defined]
        if _differs(row, before):
            self._publish(row)

    def delete(self, row: models.Model) -> None:
        """Remove a row. Raises ServiceError while other rows refer to it."""
        self._sign(row)
        routed = _routed(row)
        key = (routed.table_kind, routed.table_key) if routed else None
        try:
            row.delete()
        except models.ProtectedError as error:
            kinds = sorted({str(item._meta.verbose_name_plural) for item in error.protected_objects})
            said = f"{row} is still used by {' and '.join(kinds)}; remove those first"
            raise ServiceError(said, code=Code.IN_USE) from error
        if key is not None:
            self._record(*key, None)

    def delete_all(self, rows: "models.QuerySet[Any]") -> int:
        """Remove rows of one kind, as `delete` does one by one, in a few statements; what goes with them, too.

        Nothing else may refer to them. For many at once: meanwhile every other writer waits. Gives their number.
        """
        gone = list(rows)
        if hasattr(rows.model, "history"):
            self._keep_past(gone, "-")
        for relation in rows.model._meta.related_objects:
            if relation.on_delete is models.CASCADE and not hasattr(relation.related_model, "history"):
                along = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": rows.order_by()})
                along._raw_delete(rows.db)
        # Without signals: theirs would write each row's history once more.
        rows._raw_delete(rows.db)
        self._record_all([(row, None) for row in gone if _routed(row)])
        return len(gone)

    def lock(self, row: models.Model) -> None:
        """Keep everybody from referring to a row that is about to go, also those who don't stand in this line."""
        type(row)._base_manager.select_for_update().filter(pk=row.pk).first()

    def take_into_chain(self, entries: Sequence[Any], late: bool) -> None:
        """Give entries of histories a place in the chain, which have none; `late`: and say that they had none."""
        append_to_chain(entries, late)

    def event(self, event: str, **facts: Any) -> None:
        """Tell what was done, once it is committed."""
        announce(self.actor, event, **facts)

    def confirm(self) -> int:
        """Vouch for what this changes, and for all before it: workers take it, however many hostnames it moves.

        For verbs whose actor was told how much that is. Gives the newest generation so far.
        """
        self._confirms = True
        return self._generation.value

    def finish(self) -> None:
        """Write the generation and the history's chain once all is saved, and wake the workers that listen."""
        append_to_chain(self._written)
        if self._confirms:
            facts = {"generation": self._generation.value, "at": database_now()}
            Confirmation.objects.update_or_create(pk=1, defaults=facts)
        if not self._published:
            return
        self._generation.save()
        # Not where it divides by it: with several changes a transaction it may step over that for ever.
        if self._generation.value // _PRUNE_EVERY > self._first // _PRUNE_EVERY:
            # However many changes these are: followers know by their own one that it is still the same history.
            known = self._first - _PRUNE_EVERY
            Change.objects.filter(generation__lte=min(self._generation.value - KEPT_CHANGES, known)).delete()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # Delivered when, and only if, this transaction commits.
                cursor.execute(f"NOTIFY {NOTIFY_CHANNEL}")

    # ---------------------------------------------------------------- how
    def _write_of(self, row: models.Model, before: models.Model | None = None) -> Write:
        return Write(self.actor, self._reason, row, before, self.waives_report, self._memo)

    @staticmethod
    def _validate(row: models.Model, only: set[str] | None = None) -> None:
        try:
            if only is None:
                row.full_clean()
            else:
                row.clean_fields(exclude={field.name for field in row._meta.fields} - only)
        except ValidationError as error:
            raise ServiceError.invalid(error) from error

    @staticmethod
    def _write(row: VersionedModel, names: list[str]) -> None:
        row.version += 1
        row.save(update_fields=[*names, "version", *_stamps(row)])

    def _sign(self, instance: Any) -> None:
        sign(instance, self.actor.label, self.actor.user, self._reason, self.change_set, self._written)

    def _keep_past(self, rows: Sequence[Any], kind: str) -> None:
        """Write the history of many rows, as simple-history's signals do for one."""
        self._write_past(rows, kind, self._reason)

    def _write_past(self, rows: Sequence[Any], kind: str, reason: str) -> None:
        past = rows[0].history.model if rows else None
        if past is None:
            return
        self._written += past.objects.bulk_create(
            (
                past(
                    history_type=kind,
                    history_date=timezone.now(),
                    history_user=self.actor.user,
                    history_change_reason=reason,
                    actor=self.actor.label,
                    request_id=current_request_id(),
                    of_tenant=row.owning_tenant_id,
                    change_set=self.change_set,
                    **{field.attname: getattr(row, field.attname) for field in past.tracked_fields},
                )
                for row in rows
            ),
            batch_size=_BATCH_ROWS,
        )

    def _publish(self, row: models.Model) -> None:
        routed = _routed(row)
        if routed:
            self._record(routed.table_kind, routed.table_key, _fields(routed.table_entry()))

    def _record(self, kind: str, key: str, entry: dict[str, Any] | None) -> None:
        self._generation.value += 1
        self._published = True
        Change.objects.create(generation=self._generation.value, kind=kind, key=key, entry=entry)

    def _record_all(self, entries: Sequence[tuple[Any, dict[str, Any] | None]]) -> None:
        first = self._generation.value + 1
        Change.objects.bulk_create(
            (
                Change(generation=generation, kind=row.table_kind, key=row.table_key, entry=entry)
                for generation, (row, entry) in enumerate(entries, first)
            ),
            batch_size=_BATCH_ROWS,
        )
        self._generation.value += len(entries)
        self._published = self._published or bool(entries)


def check_version(row: VersionedModel, if_match: Collection[int] | None) -> None:
    """Refuse a row that is at none of these versions; None takes any. Raises Outdated."""
    if if_match is not None and row.version not in if_match:
        raise Outdated(str(row._meta.verbose_name), row.version)


def _routed(row: Any) -> _Routed | None:
    return cast(_Routed, row) if hasattr(row, "table_entry") else None


def _differs(row: models.Model, before: models.Model) -> bool:
    """Whether the routing table has another entry for the row than before; a label, or a quota, changes none."""
    now, then = _routed(row), _routed(before)
    return now is not None and then is not None and now.table_entry() != then.table_entry()


def _stamps(row: models.Model) -> list[str]:
    """The columns that tell when the row was written last."""
    return [field.name for field in row._meta.fields if getattr(field, "auto_now", False)]


@contextmanager
def unit_of_work(actor: Actor, reason: str) -> Iterator[UnitOfWork]:
    """A transaction that is alone among writers: what it checks stays true until it commits.

    Raises TooManyRequests for a person who has made too many changes lately, PermissionDenied for one whose account was
    removed since they came, ServiceError for too long a reason, and Unavailable where the database takes no change:
    somebody else's has not ended in time, it is a standby, or it is full. In a dry run it is rolled back. Control
    characters are taken out of the reason: pages, logs and terminals show it.

    The generation's row lock (SQLite: the database's) puts the writers in line, so generations commit in order and
    a worker that has seen generation n will never see a smaller one appear.
    """
    reason = printable(reason).strip()
    if len(reason) > MAX_REASON_LENGTH:
        raise ServiceError.for_field("reason", f"A reason has {MAX_REASON_LENGTH} characters at most.")
    with within_request(), refused_writes(actor), verb_transaction():
        bound_transaction()
        spend_change(actor)
        Generation.objects.get_or_create(pk=1)
        unit = UnitOfWork(actor, reason, Generation.objects.select_for_update().get(pk=1))
        _check_account(actor)
        yield unit
        unit.finish()


def _check_account(actor: Actor) -> None:
    """What somebody began may not be done in their name once they are gone; accounts are removed in the same line."""
    pk = getattr(actor.user, "pk", None)
    if pk is not None and not get_user_model()._default_manager.filter(pk=pk).exists():
        raise PermissionDenied("this account was removed")


def _fields(entry: Any) -> dict[str, Any]:
    """A table's entry as a change row holds it.

    What few rows have is left out where there is none: workers of an earlier release know no such field, and would
    load the whole table for every change.
    """
    fields: dict[str, Any] = entry._asdict()
    for name in _RARE:
        if not fields.get(name, "-"):
            del fields[name]
    return fields
