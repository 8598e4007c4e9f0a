"""The health gate of a change set that is applied in steps: what it counts, what it asks, and when that is too much.

It counts what clients got of the repositories that a step has moved, since the step and for a day before it, and asks
for some of the images that were pulled lately where the step leads, as nobody, by HEAD: what becomes of redirected
clients nobody tells us, and Docker Hub counts no HEAD. See docs/decisions/0110.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import F, Q, Sum

from routing.conf import client_limits, guard_policy
from routing.core.pull_counts import Grain, start_of
from routing.core.table.step import place_of
from routing.models import ChangeSet, Mapping, PullCount, ReferenceCount, Registry
from routing.models.pull_count import sum_of_pulls
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError
from routing.verification.reader import NotReadable, RateLimited, RegistryReader, Tally

#: So many images are asked for at a time, of so many repositories and references that were pulled most lately.
SAMPLE, _MOST_REPOSITORIES, _MOST_REFERENCES = 8, 2_000, 200
#: One look ends after so long; who pulls would not wait longer for one answer either.
LOOK_SECONDS = 8.0
_ANSWER_SECONDS, _AGAIN_SECONDS = 2.5, 0.5
_BEFORE = timedelta(hours=24)
_LATELY = timedelta(days=7)
_NAMED = 3
_PIECE = 300


class Counts(NamedTuple):
    """Requests for manifests: how many there were in all, and of these how many were refused or failed."""

    total: int = 0
    bad: int = 0

    def since(self, earlier: Counts) -> Counts:
        """What has come since. Never below nothing: old rows are thrown away."""
        return Counts(max(0, self.total - earlier.total), max(0, self.bad - earlier.bad))

    @property
    def percent(self) -> float:
        """How many of a hundred are bad."""
        return 100 * self.bad / self.total if self.total else 0.0


class Question(NamedTuple):
    """One image that was pulled lately: where the step leads, and where it led. Origin and repository of each."""

    source: str
    reference: str
    new: tuple[str, str]
    old: tuple[str, str]


class Asked(NamedTuple):
    """How many of the images were asked for, and what is missing of them, a sentence each."""

    asked: int = 0
    missing: tuple[str, ...] = ()


# ------------------------------------------------------------------ what clients got
def counts_since(mappings: Sequence[Mapping], share: int, day: datetime) -> Counts:
    """Of the repositories of a share, since the day of that moment began. Counts of a few seconds are missing."""
    return _counts(mappings, share, Q(grain=Grain.DAY, at__gte=start_of(Grain.DAY, day)))


def counts_before(mappings: Sequence[Mapping], share: int, moment: datetime) -> Counts:
    """The same for the day before a moment, by the hours that are over or under way then."""
    return _counts(mappings, share, Q(grain=Grain.HOUR, at__gte=start_of(Grain.HOUR, moment) - _BEFORE, at__lte=moment))


def objection_to(counts: Counts, before: Counts) -> str:
    """Why that is too much, in numbers; "" where it is not."""
    if counts.bad < settings.FACADE_STEP_FAILURES:
        return ""
    if counts.percent < before.percent + settings.FACADE_STEP_FAILURES_PERCENT:
        return ""
    return (
        f"{counts.bad} of {counts.total} requests were refused or failed since the step ({counts.percent:.1f} %), and "
        f"{before.bad} of {before.total} ({before.percent:.1f} %) of the same repositories in the day before it"
    )


def _counts(mappings: Sequence[Mapping], share: int, when: Q) -> Counts:
    total = bad = 0
    for piece, places in _by_places(mappings):
        rows = PullCount.objects.filter(when, hostname__in=piece).exclude(repository="").order_by()
        sums = rows.values_list("hostname", "mapping", "repository").annotate(
            good=Sum(F("tags") + F("digests") + F("looks")), not_good=Sum(F("refused") + F("failed"))
        )
        for hostname, prefix, repository, good, not_good in sums.iterator():
            if (hostname, prefix) in places and place_of(repository) < share:
                total, bad = total + good + not_good, bad + not_good
    return Counts(total, bad)


def _by_places(mappings: Sequence[Mapping]) -> Iterator[tuple[list[str], dict[tuple[str, str], Mapping]]]:
    """Their hostnames, some at a time, with those of the mappings that are on."""
    on = {(each.hostname.name, each.prefix): each for each in mappings if each.enabled}
    names = sorted({name for name, _ in on})
    for start in range(0, len(names), _PIECE):
        piece = names[start : start + _PIECE]
        yield piece, {place: each for place, each in on.items() if place[0] in piece}


# ------------------------------------------------------------------ what is there
def questions(change_set: ChangeSet, mappings: Sequence[Mapping], share: int, now: datetime) -> list[Question]:
    """Some of what was pulled lately of the repositories of a share. Each time others, where there are more."""
    lately = Q(grain=Grain.DAY, at__gte=start_of(Grain.DAY, now - _LATELY))
    after = {row["mapping"]: row["after"] for row in change_set.rows}
    registries = Registry.objects.in_bulk({row["registry"] for row in after.values()})
    found: list[Question] = []
    for piece, places in _by_places(mappings):
        pulled = PullCount.objects.filter(lately, hostname__in=piece).exclude(repository="").order_by()
        most = pulled.values_list("hostname", "mapping", "repository").annotate(pulls=sum_of_pulls())
        moved = {
            (hostname, repository): places[hostname, prefix]
            for hostname, prefix, repository, _ in most.order_by("-pulls")[:_MOST_REPOSITORIES]
            if (hostname, prefix) in places and place_of(repository) < share
        }
        asked = ReferenceCount.objects.filter(
            lately, hostname__in={name for name, _ in moved}, repository__in=list({name for _, name in moved})[:_PIECE]
        )
        asked = asked.exclude(reference="").order_by()
        references = asked.values_list("hostname", "repository", "reference").annotate(times=Sum("requests"))
        for hostname, repository, reference, _ in references.order_by("-times")[:_MOST_REFERENCES]:
            mapping = moved.get((hostname, repository))
            if mapping is not None:
                to = after[mapping.pk]
                found.append(
                    _question(mapping, registries[to["registry"]], to["upstream_prefix"], repository, reference)
                )
    return random.sample(found, min(SAMPLE, len(found)))


def _question(mapping: Mapping, registry: Registry, prefix: str, repository: str, reference: str) -> Question:
    def at(there: Registry, upstream_prefix: str) -> tuple[str, str]:
        rest = repository[len(mapping.prefix) :] if mapping.prefix else f"/{repository}"
        return there.origin, there.table_entry().upstream_name((upstream_prefix + rest).lstrip("/"))

    source = f"{mapping.hostname.name}/{repository}"
    return Question(source, reference, at(registry, prefix), at(mapping.registry, mapping.upstream_prefix))


def ask(wanted: Collection[Question]) -> Asked:
    """Ask for them, in this thread. Never raises for what registries do."""
    return asyncio.run(_ask(wanted)) if wanted else Asked()


def missing_too_much(found: Asked) -> str:
    """Why what is missing is too much, in numbers; "" where it is not."""
    if not found.asked or len(found.missing) < min(settings.FACADE_STEP_SAMPLE_FAILURES, found.asked):
        return ""
    rest = f", and {len(found.missing) - _NAMED} more" if len(found.missing) > _NAMED else ""
    said = "; ".join(found.missing[:_NAMED])
    return f"of {found.asked} images that were pulled lately {len(found.missing)} can't be had there: {said}{rest}"


async def _ask(wanted: Collection[Question]) -> Asked:
    async with RegistryClient(guard_policy(), client_limits()) as client:
        origins = {side[0] for question in wanted for side in (question.new, question.old)}
        readers = {origin: RegistryReader(client, origin, Tally()) for origin in origins}
        said = await asyncio.gather(*(_one(question, readers) for question in wanted))
    told = [each for each in said if each is not None]
    return Asked(len(told), tuple(each for each in told if each))


async def _one(question: Question, readers: dict[str, RegistryReader]) -> str | None:
    """What is wrong with one; "" where nothing is, None where nobody tells."""
    try:
        trouble = await _trouble(readers[question.new[0]], question.new[1], question.reference)
        if not trouble:
            return ""
        # What nobody can have where it led either is not the step's fault.
        if await _trouble(readers[question.old[0]], question.old[1], question.reference):
            return None
    except RateLimited:
        return None
    return f"{question.source} {question.reference[:80]}: {trouble}"


async def _trouble(reader: RegistryReader, repository: str, reference: str) -> str:
    """Why an image can't be had by everybody; "" where it can. Raises RateLimited."""
    for is_last in (False, True):
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return "" if await reader.head(repository, reference) is not None else f"{reader.host} has none"
        except NotReadable as refusal:
            return str(refusal)
        except TimeoutError:
            return f"no answer of {reader.host} within {_ANSWER_SECONDS} s"
        except RegistryError as error:
            # One lost connection is none yet.
            if is_last:
                return str(error)
            await asyncio.sleep(_AGAIN_SECONDS)
    raise AssertionError


def as_facts(counts: Counts, before: Counts, found: Asked, waits: str) -> dict[str, Any]:
    """What a look saw, as the set keeps it for people. `waits`: why the next step waits; "" where it does not."""
    return {
        "requests": counts.total,
        "bad": counts.bad,
        "requests_before": before.total,
        "bad_before": before.bad,
        "asked": found.asked,
        "missing": list(found.missing),
        "waits": waits,
    }
