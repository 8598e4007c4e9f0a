"""One place writes: rows that people change, their history and the change log are written by the unit of work alone.

Reads the syntax tree of everything but tests. A call that would write past it is found by its name; those that are no
such thing, or have a reason, are listed with it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UNIT_OF_WORK = "routing/services/base/unit_of_work.py"
#: Of querysets, managers and instances.
WRITES = frozenset(
    {
        "save",
        "asave",
        "update",
        "aupdate",
        "delete",
        "adelete",
        "create",
        "acreate",
        "get_or_create",
        "aget_or_create",
        "update_or_create",
        "aupdate_or_create",
        "bulk_create",
        "abulk_create",
        "bulk_update",
        "abulk_update",
        "_raw_delete",
        "save_base",
        "execute",
        "executemany",
    }
)

#: A room whose tables are its own, with no history and nothing that is routed by them.
JOBS = "routing/jobs/"

#: File → what it calls → why that doesn't go past the unit of work.
ALLOWED = {
    "routing/services/changes/steps.py": {
        "ChangeSet.objects.filter(pk=change_set.pk, version=look.version).update": "what the gate saw",
    },
    "routing/models/streamed.py": {
        "StreamedBytes.objects.get_or_create": "counts of bytes: nobody changes them, every worker adds to them",
        "StreamedBytes.objects.filter(pk=row.pk).update": "the same",
    },
    "routing/models/pull_count.py": {
        "cursor.execute": "takes a lock",
        "cursor.executemany": "counts of pulls: nobody changes them, every worker adds to them",
        "_rows(shape).filter(pk__in=pks).delete": "the same, once they are old",
        "counts.update": "a Counter",
        "found.update": "a set",
    },
    "routing/management/demo_data.py": {
        "past.objects.filter(history_id=key).update": "the days of what was made up a moment ago",
    },
    "routing/services/mappings/sightings.py": {
        "ContactSighting.objects.bulk_create": "what probes saw: nobody changes it",
        "rows[place].filter(last_seen_at__lt=now - refreshed).update": "the same",
        "ContactSighting.objects.filter(pk__in=list(rows_of.values_list('pk', flat=True)[MOST:])).delete": "too many",
    },
    "routing/services/telling/outbox.py": {
        "Delivery.objects.create": "messages: nobody changes them, and what becomes of each is written beside it",
    },
    "routing/services/telling/deliveries.py": {
        "Delivery.objects.filter(pk=delivery.pk).update": "the same",
        "Subscription.objects.filter(pk=delivery.subscription_id).update": "the receiver itself wants no more",
        "Delivery.objects.filter(created_at__lt=timezone.now() - timedelta(days=_KEPT_DAYS)).delete": "old messages",
        "row.deliveries.filter(pk__lte=last[0]).delete": "the same",
    },
    "routing/services/telling/subscriptions.py": {
        "delivery.save": "a message that is to be sent once more",
    },
    "routing/services/base/rates.py": {
        "Rate.objects.bulk_create": "counts of requests: nobody changes them",
        "Rate.objects.filter(over, name=name).update": "the same",
        "Rate.objects.filter(began_at__lt=database_now() - timedelta(days=_KEPT_DAYS)).delete": "the same",
        "rates.filter(spent__lt=limit.most).update": "the same",
    },
    "routing/services/watching/watches.py": {
        "Watch.objects.filter(pk__in=[row.pk for row in rows]).update": "when it is looked at next: nobody changes it",
    },
    "routing/services/standbys/health.py": {
        "RegistryHealth.objects.filter(pk__in=[row.pk for row in due]).update": "the same",
    },
    "routing/services/registries/answers.py": {
        "AnswerCount.objects.filter(**place).update": "counts of answers: nobody changes them; in a unit of work",
        "AnswerCount.objects.get_or_create": "the same",
        "AnswerCount.objects.filter(pk__in=pks).delete": "the same, once they are old",
        "RegistryLimit.objects.update_or_create": "the same",
    },
    "routing/services/verifications/rows.py": {
        "VerificationDifference.objects.bulk_create": "what was found; within the unit of work that tells of it",
        "counts.update": "a counter",
    },
    "routing/services/base/history_bound.py": {
        "past.objects.filter(history_id__in=piece).delete": "the oldest entries of a history that has too many",
    },
    "routing/services/base/history_chain.py": {
        "HistoryLink.objects.bulk_create": "the history's chain, for the unit of work that wrote the entries",
        "HistoryLink.objects.bulk_update": "the same, where a name is taken out of what stays",
        "HistoryLink.objects.filter(place__in=places[start:start + _BATCH_ROWS]).delete": "places of what is gone",
        "HistoryLink.objects.all().delete": "the chain of what was made up a moment ago",
        "_links_of(past).filter(entry__in=history_ids).update": "the places of entries of a history that has too many",
    },
    "routing/table/served.py": {
        "Server.objects.update_or_create": "what a server serves, as it finds: nobody changes it",
        "Server.objects.filter(at__lt=now - _KEPT).delete": "servers that are gone",
    },
    "routing/table/row_check.py": {
        "TableCheck.objects.update_or_create": "a finding about rows: nobody changes it, and no entry follows from it",
    },
    "routing/table/load.py": {
        "cursor.execute": "begins and ends a consistent read",
    },
    "routing/diagnosis/deployment.py": {
        "cursor.execute": "asks whether the database answers",
    },
    "routing/database/clock.py": {
        "cursor.execute": "asks for the time",
    },
    "routing/database/holder.py": {
        "cursor.execute": "asks who holds a lock",
    },
    "routing/database/migrated.py": {
        "cursor.execute": "asks which migrations there are",
    },
    "routing/database/restoring.py": {
        "cursor.execute": "asks which tables have primary keys",
    },
    "routing/database/postgresql.py": {
        "cursor.execute": "sets a connection's timeouts, and asks what server is behind it",
    },
    "routing/dataplane/live/change_signal.py": {
        "connection.connection.execute": "LISTEN",
        "opened.execute": "the same, and asks whether that is a standby",
    },
    "routing/database/migration_lock.py": {
        "cursor.execute": "takes the lock that keeps migrations apart, and asks who has it",
    },
    "routing/table/snapshot.py": {
        "digest.update": "a checksum",
    },
    "routing/models/loop_triggers.py": {
        "cursor.execute": "makes and drops triggers, around migrations",
    },
    "routing/services/people/api_tokens.py": {
        "ApiToken.objects.filter(pk=found.pk).update": "the day of the last use: no change by anybody, once a day",
    },
    "routing/services/people/preferences.py": {
        "Preferences.objects.update_or_create": "how a person wants pages to be: theirs, with no history",
    },
    "routing/services/people/provider_grants.py": {
        "user.save": "an account, which Django keeps; within the unit of work that tells of it",
        "ProviderWord.objects.update_or_create": "what was heard of the provider; within a unit of work",
        "ProviderGrant.objects.filter(user=user).update": "the same",
    },
    "routing/services/leaving/erasure.py": {
        "rows.model._default_manager.filter(pk__in=pks).update": "a name is taken out of what stays, for the removal",
    },
    "routing/services/leaving/person_removal.py": {
        "Session.objects.filter(session_key__in=keys).delete": "sessions of an account that is gone",
    },
    "routing/accounts/addresses.py": {
        "EmailAddress(user=user, email=email.lower()).save": "an account's address, which django-allauth keeps",
    },
    "routing/accounts/webauthn.py": {
        "row.save": "a security key's count of signatures, which belongs to django-allauth",
    },
    "routing/accounts/provider.py": {
        "SocialAccount.objects.filter(pk=former.pk).update": "an account's key, which django-allauth keeps",
    },
    "routing/accounts/adapters.py": {
        "user.save": "an account's password, which Django keeps",
    },
    "routing/management/commands/reset_second_factor.py": {
        "Authenticator.objects.filter(user=user).delete": "an account's, which django-allauth keeps",
    },
    "routing/management/commands/facade.py": {
        "self.execute": "runs a command",
    },
    "routing/moving/sealed_values.py": {
        "place.rows().filter(pk=row.pk).update": "the same text, encrypted under another key",
    },
    "routing/moving/sequences.py": {
        "cursor.execute": "asks for the last numbers of rows, and has a restored database go on after them",
    },
    "routing/moving/restore.py": {
        "cursor.execute": "empties a database of which it was seen that it is empty, but for what migrations write",
        "cursor.executemany": "puts the rows of a backup there",
        "schema.model('Generation').objects.update_or_create": "a history of its own begins",
        "schema.model('Change').objects.create": "the same",
        "restorations.objects.update_or_create": "says that it was restored",
    },
    "routing/moving/backup_file.py": {
        "digest.update": "a checksum",
        "self._digest.update": "the same",
    },
    "routing/services/base/restoration.py": {
        "restoration.save": "says that a person has confirmed it; within the unit of work that tells of it",
    },
    "routing/admin/base/forms.py": {
        "self.initial.update": "a dictionary",
    },
    "routing/admin/base/model_admin.py": {
        "context.update": "a dictionary",
    },
}


def modules() -> list[Path]:
    found = [path for folder in ("routing", "facade_site") for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


def writes_in(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every call that may write: by a method's name, or `unit.` aside, which is the unit of work."""
    tree = ast.parse(source)
    # `@router.delete("/{id}")` says what a function answers.
    decorators = {each for node in ast.walk(tree) for each in getattr(node, "decorator_list", ())}
    for node in ast.walk(tree):
        if node in decorators:
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            owner = ast.unparse(node.func.value)
            if owner.split(".")[0] not in ("unit", "super()"):
                yield node.lineno, f"{owner}.{node.func.attr}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_writes_past_the_unit_of_work(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    allowed = ALLOWED.get(name, {})

    past = [f"{name}:{line}: {call}" for line, call in writes_in(path.read_text()) if call not in allowed]

    assert name == UNIT_OF_WORK or name.startswith(JOBS) or past == []


def test_jobs_write_no_tables_but_their_own() -> None:
    sources = [path.read_text() for path in modules() if str(path.relative_to(ROOT)).startswith(JOBS)]
    imported = {
        alias.name
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("routing.models")
        for alias in node.names
    }

    assert imported == {"Job", "Lease", "Round"}


def test_every_exception_is_still_needed() -> None:
    for name, calls in ALLOWED.items():
        found = {call for _, call in writes_in((ROOT / name).read_text())}
        assert set(calls) <= found, name


@pytest.mark.parametrize(
    "line",
    [
        "hostname.save()",
        "Tenant.objects.filter(pk=1).update(suspended=False)",
        "mapping.delete()",
        "Mapping.objects.bulk_create(rows)",
        "rows.bulk_update(rows, ['enabled'])",
        "past.objects.create(id=1)",
        "cursor.execute('UPDATE routing_mapping SET enabled = true')",
        "Registry.history.update(actor='')",
    ],
)
def test_a_write_is_found(line: str) -> None:
    assert len(list(writes_in(line))) == 1


def test_history_is_signed_in_one_place() -> None:
    signers = [str(path.relative_to(ROOT)) for path in modules() if "import sign\n" in path.read_text()]

    assert signers == [UNIT_OF_WORK]
