"""Writes the chain of the histories: appends to it, and keeps it whole where entries go or names are erased."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from routing.models.history_link import HistoryLink, link_facts, words_of

_BATCH_ROWS = 500


def noun_of(past: Any) -> str:
    """What a model of past rows, or one of them, stands under in the chain."""
    return str(past.instance_type._meta.model_name)


def append_to_chain(entries: Sequence[Any], late: bool = False) -> None:
    """Put entries at the chain's end, in this order. Within the line of writers, so that no two take one place.

    `late`: they were there before, without a place.
    """
    if not entries:
        return
    last = HistoryLink.objects.order_by("-place").first()
    place, link, links = (last.place, last.link, []) if last else (0, "", [])
    for entry in entries:
        place += 1
        facts = link_facts(place, link, noun_of(entry), entry, late)
        links.append(HistoryLink(**facts))
        link = facts["link"]
    HistoryLink.objects.bulk_create(links, batch_size=_BATCH_ROWS)


def note_thrown_away(past: Any, history_ids: Collection[int]) -> None:
    """Keep the places of entries that are being thrown away: what follows is bound to them."""
    _links_of(past).filter(entry__in=history_ids).update(entry=None, salt="", words="")


def close_up() -> None:
    """Of places in a row whose entries were all thrown away, keep the last. So there are never more than entries."""
    following = HistoryLink.objects.filter(place__gt=OuterRef("place")).order_by("place")
    empty = HistoryLink.objects.filter(entry=None).annotate(
        next=Subquery(following.values("place")[:1]), next_entry=Subquery(following.values("entry")[:1])
    )
    places = list(empty.filter(next__isnull=False, next_entry=None).values_list("place", flat=True))
    for start in range(0, len(places), _BATCH_ROWS):
        HistoryLink.objects.filter(place__in=places[start : start + _BATCH_ROWS]).delete()


def let_go_of_words(past: Any, history_ids: Collection[int]) -> None:
    """Before a name is taken out of entries: keep what the words came to, and throw away by what it can be guessed."""
    links = _links_of(past).filter(entry__in=history_ids).exclude(salt="")
    by_entry = {link.entry: link for link in links}
    for entry in past.objects.filter(history_id__in=list(by_entry)):
        link = by_entry[entry.history_id]
        link.words, link.salt = words_of(entry, link.salt), ""
    HistoryLink.objects.bulk_update(by_entry.values(), ["words", "salt"], batch_size=_BATCH_ROWS)


def placed(past: Any) -> Any:
    """Entries with their place in the chain, as `place`; null where they have none."""
    place = _links_of(past).filter(entry=OuterRef("history_id")).values("place")[:1]
    return past.objects.annotate(place=Subquery(place))


def strays_of(past: Any) -> Any:
    """Entries that have no place in the chain: the release before wrote them, while both ran, or somebody by SQL."""
    return past.objects.filter(~Exists(_links_of(past).filter(entry=OuterRef("history_id")))).order_by("history_id")


def head_of_chain() -> str:
    """The chain's end, as “1204:5f3a…”: whoever notes it elsewhere can ask later whether it is still held."""
    last = HistoryLink.objects.order_by("-place").first()
    return f"{last.place}:{last.link}" if last else ""


def forget_chain() -> None:
    """So that no entry has a place: for what was made up a moment ago."""
    HistoryLink.objects.all().delete()


def _links_of(past: Any) -> "QuerySet[HistoryLink]":
    return HistoryLink.objects.filter(noun=noun_of(past))
