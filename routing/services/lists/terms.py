"""What a list can be asked for: the same names and words in the API's parameters, in commands and in saved filters.

A term that isn't known is refused. Nothing that was asked for is passed over, for then all rows would be shown.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.db.models import F, Q, QuerySet

from routing.core.grammar.labels import InvalidLabel, parse_label
from routing.core.grammar.numbers import parse_number
from routing.core.table.routing_table import Auth
from routing.models.labelled import labelled
from routing.services.base.errors import ServiceError
from routing.services.lists.search import MAX_SEARCH, searched

Rows = QuerySet[Any]
SORT = "sort"
STATES = ("on", "off", "blocked")
PROOFS = ("there", "missing", "vouched")


class Term(NamedTuple):
    """How a term's words become a value (None: they don't), what they may be, and how the value narrows rows."""

    read: Callable[[str], Any]
    may_be: str
    narrow: Callable[[Rows, Any], Rows]


def _text(text: str) -> str | None:
    return text if text and len(text) <= MAX_SEARCH and "\0" not in text else None


def _lower(text: str) -> str | None:
    return _text(text.lower())


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _one_of(words: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda text: text if text in words else None


def _column(name: str) -> Callable[[Rows, Any], Rows]:
    return lambda rows, value: rows.filter(**{name: value})


def _state(rows: Rows, value: str) -> Rows:
    blocked = (
        Q(hostname__enabled=False)
        | Q(hostname__withdrawn_at__isnull=False)
        | Q(hostname__suspended=True)
        | Q(hostname__tenant__suspended=True)
    )
    if value == "on":
        return rows.filter(~blocked, enabled=True)
    return rows.filter(enabled=False) if value == "off" else rows.filter(blocked)


def _proof(rows: Rows, value: str) -> Rows:
    if value == "there":
        return rows.filter(proof_missing_since=None).exclude(proof_token="")
    return rows.filter(proof_missing_since__isnull=False) if value == "missing" else rows.filter(proof_token="")


def _registry_name(rows: Rows, value: str) -> Rows:
    hosts = [f"{scheme}://{value.lower()}" for scheme in ("https", "http")]
    return rows.filter(Q(name=value) | Q(alias=value.lower()) | Q(origin__in=hosts))


def _label(text: str) -> str | None:
    try:
        return parse_label(text)
    except InvalidLabel:
        return None


def _search(noun: str) -> Term:
    return Term(_text, "words", lambda rows, value: searched(noun, rows, value))


_TEXT, _TRUTH = "a text", "true or false"
_LABEL = Term(_label, "a label", lambda rows, value: rows.filter(labelled(value)))
_AUTHS = tuple(auth.value for auth in Auth)
#: By noun, and by the name of the API's parameter.
TERMS: Mapping[str, Mapping[str, Term]] = {
    "mapping": {
        "tenant": Term(_text, "a slug", _column("hostname__tenant__slug")),
        "hostname": Term(_lower, "a hostname", _column("hostname__name")),
        "prefix": Term(lambda text: text if len(text) <= MAX_SEARCH else None, _TEXT, _column("prefix")),
        "registry_id": Term(parse_number, "a number", _column("registry_id")),
        "enabled": Term(_truth, _TRUTH, _column("enabled")),
        "state": Term(_one_of(STATES), " or ".join(STATES), _state),
        "label": _LABEL,
        "search": _search("mapping"),
    },
    "hostname": {
        "tenant": Term(_text, "a slug", _column("tenant__slug")),
        "hostname": Term(_lower, "a hostname", _column("name")),
        "enabled": Term(_truth, _TRUTH, _column("enabled")),
        "suspended": Term(_truth, _TRUTH, _column("suspended")),
        "proof": Term(_one_of(PROOFS), " or ".join(PROOFS), _proof),
        "label": _LABEL,
        "search": _search("hostname"),
    },
    "registry": {
        "tenant": Term(_text, "a slug", _column("tenant__slug")),
        "name": Term(_text, _TEXT, _registry_name),
        "origin": Term(_text, "an origin", _column("origin")),
        "auth": Term(_one_of(_AUTHS), " or ".join(_AUTHS), _column("auth")),
        "label": _LABEL,
        "search": _search("registry"),
    },
}
#: By noun: what may be sorted by, with its column; “-” before it is the other direction.
SORTS: Mapping[str, Mapping[str, str]] = {
    "mapping": {
        "hostname": "hostname__name",
        "prefix": "prefix",
        "tenant": "hostname__tenant__slug",
        "upstream_prefix": "upstream_prefix",
        "enabled": "enabled",
        "delivery": "delivery",
        "created_at": "created_at",
        "changed_at": "changed_at",
        "probed_at": "probed_at",
    },
    "hostname": {"hostname": "name", "tenant": "tenant__slug", "enabled": "enabled", "created_at": "created_at"},
    "registry": {
        "name": "name",
        "tenant": "tenant__slug",
        "origin": "origin",
        "auth": "auth",
        "probed_at": "probed_at",
    },
}


def read_terms(noun: str, terms: Mapping[str, str]) -> dict[str, Any]:
    """The values of terms as people write them, but for the order. Raises ServiceError for the first that is wrong."""
    if noun not in TERMS:
        raise ServiceError.for_field("noun", f"there is no list of {noun}; there are: {', '.join(TERMS)}")
    known, values = TERMS[noun], {}
    for name, text in terms.items():
        if name == SORT:
            if str(text).removeprefix("-") not in SORTS[noun]:
                raise ServiceError.for_field("terms", f"“{text}” is no order; known are: {', '.join(SORTS[noun])}")
            continue
        if name not in known:
            there = ", ".join((*known, SORT))
            raise ServiceError.for_field("terms", f"this release knows no filter “{name}” here; there are: {there}")
        value = known[name].read(text) if isinstance(text, str) else None
        if value is None:
            raise ServiceError.for_field("terms", f"“{text}” is nothing for {name}: it is {known[name].may_be}")
        values[name] = value
    return values


def narrowed(noun: str, rows: Rows, values: Mapping[str, Any]) -> Rows:
    """Those of the rows that fit all values, as `read_terms` gives them."""
    for name, value in values.items():
        rows = TERMS[noun][name].narrow(rows, value)
    return rows


def in_order(noun: str, rows: Rows, sort: str) -> Rows:
    """The rows by one of the orders. What is empty comes last; rows that are equal in it keep an order, by id."""
    column = F(SORTS[noun][sort.removeprefix("-")])
    if sort.startswith("-"):
        return rows.order_by(column.desc(nulls_last=True), "-pk")
    return rows.order_by(column.asc(nulls_last=True), "pk")
