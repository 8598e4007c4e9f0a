"""Verifies the chain of the histories: what was changed, taken out or put in past the verbs is found, and named.

It shows what doesn't fit together. Whoever can write to the database can also write the whole chain anew: so a head
that was noted elsewhere can be asked for.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Count, Min

from routing.models.history_link import PSEUDONYM, WORDS, HistoryLink, link_of, words_of
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.history_bound import past_models
from routing.services.base.history_chain import noun_of, placed, strays_of
from routing.services.base.permissions import Permission, check_permission

_PIECE = 1_000
# What FACADE_MAX_HISTORY_PER_TENANT can't be set below.
_LEAST_KEPT = 100
_HEAD = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{12,64})")


class Finding(NamedTuple):
    """What doesn't fit at a place of the chain. `entry`: the number among those of its noun, where it is known."""

    place: int
    noun: str
    entry: int | None
    what: str


class HistoryCheck(NamedTuple):
    """What a check came to. `entries` fit, or stand in `findings`; `thrown_away`: places of what was beyond the bound.

    `erased`: entries out of which a name was taken; `late`: those that had no place when they were written; `strays`:
    those that have none yet; None where that was not asked. `head`: where the check ended, to be noted elsewhere;
    `next`: the place after which to go on; None at the end.
    """

    entries: int
    thrown_away: int
    erased: int
    late: int
    strays: int | None
    findings: Sequence[Finding]
    head: str
    next: int | None

    @property
    def is_whole(self) -> bool:
        """Whether everything fits."""
        return not self.findings


def check_history(actor: Actor, *, after: int = 0, most: int | None = None, head: str | None = None) -> HistoryCheck:
    """Verify the chain behind a place, as far as it goes now, or so many places of it.

    `head`: what an earlier check gave; the chain has to hold it still. For operators of the platform. Raises
    PermissionDenied, NotFound for a place that there isn't, ServiceError for what is no head.
    """
    check_permission(actor, Permission.EXPORT, None)
    walk = _Walk(after)
    findings = list(_of_head(head)) if head else []
    last = HistoryLink.objects.order_by("-place").values_list("place", flat=True).first() or 0
    while walk.place < last and (most is None or walk.seen < most):
        piece = _PIECE if most is None else min(_PIECE, most - walk.seen)
        links = list(HistoryLink.objects.filter(place__gt=walk.place, place__lte=last).order_by("place")[:piece])
        if not links:
            break
        findings += walk.over(links)
    goes_on = walk.place < last
    strays = None if goes_on else sum(strays_of(past).count() for past in past_models())
    return HistoryCheck(
        entries=walk.seen - walk.thrown_away,
        thrown_away=walk.thrown_away,
        erased=walk.erased,
        late=walk.late,
        strays=strays,
        findings=findings,
        head=f"{walk.place}:{walk.link}" if walk.place else "",
        next=walk.place if goes_on else None,
    )


class _Walk:
    """Along the chain, link by link."""

    def __init__(self, after: int) -> None:
        self.place, self.link = after, ""
        self.seen = self.thrown_away = self.erased = self.late = 0
        #: The first place from which on nothing can have been thrown away; None before anybody asked.
        self._kept_from: int | None = None
        if after:
            before = HistoryLink.objects.filter(place=after).first()
            if before is None:
                raise NotFound(f"the history's chain has no place {after}")
            self.link = before.link

    def over(self, links: Sequence[HistoryLink]) -> Iterator[Finding]:
        """Look at these, which follow on what was looked at."""
        entries = _entries_of(links)
        for link in links:
            self.seen += 1
            self.late += link.late
            if link.entry is None:
                self.thrown_away += 1
                if self._is_kept(link.place):
                    said = "it is marked as thrown away, but nobody had so many entries behind it"
                    yield Finding(link.place, link.noun, None, said)
            else:
                yield from self._look_at(link, entries.get((link.noun, link.entry)))
            self.place, self.link = link.place, link.link

    def _is_kept(self, place: int) -> bool:
        """Whether nobody's bound can have thrown away what stood there."""
        if self._kept_from is not None and place < self._kept_from:
            return False
        # More may have been thrown away since.
        self._kept_from = _first_that_is_kept()
        return place >= self._kept_from

    def _look_at(self, link: HistoryLink, entry: Any) -> Iterator[Finding]:
        self.erased += not link.salt
        if link.place > self.place + 1:
            missing = f"{self.place + 1}" if link.place == self.place + 2 else f"{self.place + 1} to {link.place - 1}"
            yield Finding(link.place, link.noun, link.entry, f"what stood before it, at {missing}, was taken out")
            # What it is bound to is gone, so nothing can be said of the entry itself.
            return
        found = self._judged(link, entry)
        if found and (again := HistoryLink.objects.filter(pk=link.pk).first()) is not None and again.entry is not None:
            # It may have been thrown away, or a name erased, since the link was read.
            found = self._judged(again, _entries_of([again]).get((again.noun, again.entry)))
            if found:
                yield Finding(link.place, link.noun, link.entry, found)

    def _judged(self, link: HistoryLink, entry: Any) -> str:
        """What is wrong with an entry; "" for nothing."""
        if entry is None:
            return "it was taken out"
        words = words_of(entry, link.salt) if link.salt else link.words
        if link_of(link.place, self.link, link.noun, entry, words, link.late) != link.link:
            return "it is not as it was written, or another stood before it"
        if not link.salt and not any(PSEUDONYM in (getattr(entry, name, None) or "") for name in WORDS):
            return "it is marked as if a name had been erased, and holds no pseudonym"
        return ""


def _first_that_is_kept() -> int:
    """The last of the places at which the kept entries of one tenant and noun begin; 0 where nobody has many.

    Of each tenant's the oldest are thrown away, and never so that fewer stay than the setting takes at least.
    """
    least = min(_LEAST_KEPT, settings.FACADE_MAX_HISTORY_PER_TENANT)
    first = 0
    for past in past_models():
        by_tenant = placed(past).exclude(of_tenant=None).order_by().values("of_tenant")
        many = by_tenant.annotate(count=Count("pk"), first=Min("place")).filter(count__gte=least)
        first = max(first, *(row or 0 for row in many.values_list("first", flat=True)), 0)
    return first


def _entries_of(links: Sequence[HistoryLink]) -> dict[tuple[str, int], Any]:
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for link in links:
        if link.entry is not None:
            wanted[link.noun].append(link.entry)
    pasts = {noun_of(past): past for past in past_models()}
    return {
        (noun, entry.history_id): entry
        for noun, ids in wanted.items()
        if noun in pasts
        for entry in pasts[noun].objects.filter(history_id__in=ids)
    }


def _of_head(head: str) -> Iterator[Finding]:
    """Whether the chain still holds what it held when somebody noted that. Raises ServiceError."""
    match = _HEAD.fullmatch(head.strip().lower())
    if match is None:
        raise ServiceError.for_field(
            "head", "This is no head of the chain: it is like 1204:5f3a…, as a check gives it."
        )
    place, link = int(match[1]), match[2]
    found = HistoryLink.objects.filter(place__gte=place).order_by("place").first()
    if found is None:
        yield Finding(place, "", None, "the chain went that far once, and ends before it now: its end was cut off")
    elif found.place != place:
        # Thrown away since, as what is beyond the bound.
        return
    elif not found.link.startswith(link):
        yield Finding(place, found.noun, found.entry, "the chain is another than it was when that head was noted")
