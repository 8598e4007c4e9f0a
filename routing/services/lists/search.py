"""Search in lists by words: each word is somewhere in one of the columns. The same by every door."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

#: How long a search may be, and how many words of it count: SQLite takes so many conditions.
MAX_SEARCH, MAX_WORDS = 1000, 50
#: Where words are looked for, by noun.
SEARCHED: Mapping[str, tuple[str, ...]] = {
    "mapping": (
        "hostname__name",
        "prefix",
        "upstream_prefix",
        "registry__name",
        "registry__origin",
        "registry__alias",
    ),
    "hostname": ("name", "tenant__name", "tenant__slug"),
    "registry": ("name", "origin", "alias", "tenant__name"),
}


def searched(noun: str, rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
    """Those of the rows that have all words of the text; of mappings also by an image's name, pasted whole."""
    text = text.replace("\0", "")[:MAX_SEARCH]
    if noun == "mapping" and (found := _by_image(rows, text)) is not None:
        return found
    for word in list(smart_split(text))[:MAX_WORDS]:
        if word.startswith(('"', "'")) and len(word) > 1 and word[0] == word[-1]:
            word = unescape_string_literal(word)
        either = Q()
        for column in SEARCHED[noun]:
            either |= Q(**{f"{column}__icontains": word})
        rows = rows.filter(either)
    return rows


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
    source = Q(hostname__name__in=[host, bare]) & (Q(prefix__in=prefixes) | Q(prefix__startswith=prefixes[-1]))
    registry = Q(registry__alias=host) | Q(registry__origin__in=[f"https://{host}", f"http://{host}"])
    target = registry & (Q(upstream_prefix__in=prefixes) | Q(upstream_prefix__startswith=prefixes[-1]))
    return rows.filter(source | target)
