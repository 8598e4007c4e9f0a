"""Names that look like one that is there already: what somebody meant who mistyped a hostname."""

from itertools import pairwise

from django.db.models import Q, QuerySet
from django.db.models.functions import Length

from routing.models import Hostname
from routing.services.base.actor import Actor

# A letter too many, too few or wrong, twice; two letters that changed places count as two.
_MAX_EDITS = 2
# Of shorter names so many would be near that the question means nothing.
_MIN_LENGTH_FOR_TWO = 8
_MOST_NAMES = 3
# Bounds the work for one question, however many hostnames there are.
_MOST_COMPARED = 5_000


def near_hostnames(actor: Actor, name: str) -> list[str]:
    """Hostnames that the actor may see and that `name`, in its stored form, may have been meant as; the nearest first.

    Near is what differs by two letters at most, and what lacks the end of another name or repeats its domain. What
    differs in digits alone is not: r1.acme.com and r2.acme.com are two names. Empty for a name that is there itself.
    """
    rows = Hostname.objects.viewable_by(actor).order_by("name")
    if rows.filter(name=name).exists():
        return []
    most = _MAX_EDITS if len(name) >= _MIN_LENGTH_FOR_TWO else 1
    alike = rows.annotate(length=Length("name")).filter(length__gte=len(name) - most, length__lte=len(name) + most)
    shared_piece = Q()
    for piece in _pieces(name, most + 1):
        shared_piece |= Q(name__contains=piece)
    compared = alike.filter(shared_piece).values_list("name", flat=True)[:_MOST_COMPARED]
    other_words = [other for other in compared if _without_digits(other) != _without_digits(name)]
    found = [(edits, other) for other in other_words if (edits := _edits(name, other, most)) <= most]
    cut = [(most + 1, other) for other in _cut_short(rows, name)]
    return [other for _, other in sorted({other: (edits, other) for edits, other in cut + found}.values())][
        :_MOST_NAMES
    ]


def did_you_mean(names: list[str]) -> str:
    """The end of a message, which proposes them: “. Did you mean docker.acme.com?” "" for no names."""
    return f". Did you mean {' or '.join(names)}?" if names else ""


def _pieces(name: str, number: int) -> list[str]:
    """The name cut in so many parts: of two names that differ in fewer places, at least one part is in both."""
    bounds = [len(name) * part // number for part in range(number + 1)]
    return [name[start:end] for start, end in pairwise(bounds)]


def _cut_short(rows: "QuerySet[Hostname]", name: str) -> list[str]:
    """Names of which this is the beginning (docker.acme), and those whose domain it repeats (docker.acme.com.acme.com).

    A whole domain is nobody's typing error: below acme.com there may be any name.
    """
    names = rows.values_list("name", flat=True)
    longer = list(names.filter(name__startswith=f"{name}.")[:_MOST_NAMES])
    labels = name.split(".")
    beginnings = [".".join(labels[:count]) for count in range(2, len(labels))]
    repeated = [
        other
        for other in names.filter(name__in=beginnings)
        if other.endswith(name[len(other) :]) and name[len(other) :].count(".") > 1
    ]
    return [*longer, *repeated]


def _without_digits(name: str) -> str:
    return "".join(letter for letter in name if not letter.isdigit())


def _edits(one: str, other: str, most: int) -> int:
    """How many letters to insert, leave out or replace; anything above `most` where there are more."""
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, another in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (letter != another)))
        if min(now) > most:
            return most + 1
        before = now
    return before[-1]
