"""Finds mappings by words, or by what somebody pulls or pulled, pasted whole: docker.acme.com/acme/app:1.0.

Hostnames and registries are found by themselves, and mappings by their keys: a condition over the join of all three is
asked of every mapping there is.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet

from routing.models import Hostname, Registry

#: In fifty words, of hostnames and of registries, fewer than SQLite takes as arguments.
_FEW = 100


def found_by(words: Sequence[str]) -> Q:
    """What has all of the words, or leads where the image does that they are."""
    image = words[-1] if len(words) == 1 or words[:-1] == ["docker", "pull"] else ""
    return _of_image(image) if "/" in image else Q(*(_has(word) for word in words))


def _has(word: str) -> Q:
    # Names are in lower case here and there; `contains` is cheaper than what ignores the case.
    of_mapping = Q(prefix__contains=word.lower()) | Q(upstream_prefix__contains=word.lower())
    of_registry = Q(name__icontains=word) | Q(origin__icontains=word) | Q(alias__icontains=word)
    hostnames = Hostname.objects.filter(name__contains=word.lower())
    return of_mapping | _one_of("hostname", hostnames) | _one_of("registry", Registry.objects.filter(of_registry))


def _of_image(image: str) -> Q:
    host, _, path = image.lower().partition("/")
    path, _, _ = path.rstrip("/").partition("@")
    folder, joint, name = path.rpartition("/")
    parts = f"{folder}{joint}{name.partition(':')[0]}".split("/")
    prefixes = ["/".join(parts[:length]) for length in range(len(parts) + 1)]
    bare = host.rpartition(":")[0] or host
    registries = Registry.objects.filter(Q(alias=host) | Q(origin__in=[f"https://{host}", f"http://{host}"]))
    source = Q(prefix__in=prefixes) | Q(prefix__startswith=prefixes[-1])
    target = Q(upstream_prefix__in=prefixes) | Q(upstream_prefix__startswith=prefixes[-1])
    hostnames = Hostname.objects.filter(name__in=[host, bare])
    return (_one_of("hostname", hostnames) & source) | (_one_of("registry", registries) & target)


def _one_of(field: str, rows: "QuerySet[Any]") -> Q:
    keys = rows.order_by().values_list("pk", flat=True)
    few = list(keys[: _FEW + 1])
    # Without a second question inside it the database may walk along an index, and end early.
    return Q(**{f"{field}__in": few if len(few) <= _FEW else keys})
