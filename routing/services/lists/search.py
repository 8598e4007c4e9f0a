"""Search in lists by words: each word is somewhere in one of the columns. The same by every door."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

from routing.models import Hostname, Registry

#: How long a search may be, and how many words of it count: SQLite takes so many conditions.
MAX_SEARCH, MAX_WORDS = 1000, 50
#: In fifty words, of hostnames and of registries, fewer than SQLite takes as arguments.
_FEW = 100
#: Where words are looked for, by noun.
SEARCHED: Mapping[str, tuple[str, ...]] = {
    "mapping": (
        "hostname__name",
        "prefix",
        "upstream_prefix",
        "registry__name",
        "registry__origin",
        "registry__alias",
        "labels",
    ),
    "hostname": ("name", "tenant__name", "tenant__slug", "labels"),
    "registry": ("name", "origin", "alias", "tenant__name", "labels"),
}


def searched(noun: str, rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
    """Those of the rows that have all words of the text; of mappings also by an image's name, pasted whole."""
    text = text.replace("\0", "")[:MAX_SEARCH]
    if noun == "mapping" and (found := _by_image(rows, text)) is not None:
        return found
    for word in list(smart_split(text))[:MAX_WORDS]:
        if word.startswith(('"', "'")) and len(word) > 1 and word[0] == word[-1]:
            word = unescape_string_literal(word)
        rows = rows.filter(_has(word) if noun == "mapping" else _in_columns(SEARCHED[noun], word))
    return rows


def _in_columns(columns: Iterable[str], word: str) -> Q:
    either = Q()
    for column in columns:
        either |= Q(**{f"{column}__icontains": word})
    return either


def _has(word: str) -> Q:
    # A condition over the join of mappings, hostnames and registries would be asked of every mapping there is. Names
    # are in lower case here and there, and `contains` is cheaper than what ignores the case.
    here = Q(prefix__contains=word.lower()) | Q(upstream_prefix__contains=word.lower())
    here |= Q(labels__contains=word.lower())
    hostnames = Hostname.objects.filter(name__contains=word.lower())
    registries = Registry.objects.filter(_in_columns(("name", "origin", "alias"), word))
    return here | _one_of("hostname", hostnames) | _one_of("registry", registries)


def _one_of(field: str, rows: "QuerySet[Any]") -> Q:
    keys = rows.order_by().values_list("pk", flat=True)
    few = list(keys[: _FEW + 1])
    # Without a second question inside it the database may walk along an index, and end early.
    return Q(**{f"{field}__in": few if len(few) <= _FEW else keys})


def _by_image(rows: "QuerySet[Any]", text: str) -> "QuerySet[Any] | None":
    """By what somebody pulls or pulled: docker.acme.com/acme/app:1.0. None where the text is no such thing."""
    host, slash, path = text.strip().removeprefix("docker pull ").strip().partition("/")
    if not slash or " " in path:
        return None
    path, _, _ = path.rstrip("/").partition("@")
    folder, joint, name = path.rpartition("/")
    parts = f"{folder}{joint}{name.partition(':')[0]}".lower().split("/")
    prefixes = ["/".join(parts[:length]) for length in range(len(parts) + 1)]
    host = host.lower()
    bare = host.rpartition(":")[0] or host
    # Hostnames and registries by their keys, as above.
    hostnames = Hostname.objects.filter(name__in=[host, bare])
    registries = Registry.objects.filter(Q(alias=host) | Q(origin__in=[f"https://{host}", f"http://{host}"]))
    source = Q(prefix__in=prefixes) | Q(prefix__startswith=prefixes[-1])
    target = Q(upstream_prefix__in=prefixes) | Q(upstream_prefix__startswith=prefixes[-1])
    return rows.filter((_one_of("hostname", hostnames) & source) | (_one_of("registry", registries) & target))
