"""All mappings in their order, a page at a time: there may be a million of them, and whoever reads may be slow.

By keys and not by a cursor: no transaction stays open meanwhile, and a pooler of connections has nothing to keep.
"""

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from routing.models.hostname import Hostname
from routing.models.mapping import Mapping

_HOSTNAMES, _MAPPINGS = 200, 1000
_ALL = Q()


def mappings_in_order(hostnames: "QuerySet[Hostname]", wanted: Q = _ALL) -> Iterator[Mapping]:
    """The mappings of these by hostname and prefix, each with its hostname, tenant and registry.

    `wanted`: those alone that fit it.
    """
    rows = (
        Mapping.objects.filter(wanted)
        .select_related("hostname__tenant", "registry", "standby_registry")
        .order_by("hostname__name", "prefix")
    )
    in_order, last = hostnames.order_by("name").values_list("pk", "name"), ""
    while True:
        names = list(in_order.filter(name__gt=last)[:_HOSTNAMES])
        yield from _of_hostnames(rows, [pk for pk, _ in names])
        if len(names) < _HOSTNAMES:
            return
        last = names[-1][1]


def _of_hostnames(rows: "QuerySet[Mapping]", pks: list[int]) -> Iterator[Mapping]:
    while pks:
        page = list(rows.filter(hostname__in=pks)[:_MAPPINGS])
        yield from page
        if len(page) < _MAPPINGS:
            return
        # The page may have ended within this hostname.
        broken = page[-1].hostname_id
        yield from _of_hostname(rows.filter(hostname=broken), page[-1].prefix)
        pks = pks[pks.index(broken) + 1 :]


def _of_hostname(rows: "QuerySet[Mapping]", last: str) -> Iterator[Mapping]:
    while page := list(rows.filter(prefix__gt=last)[:_MAPPINGS]):
        yield from page
        last = page[-1].prefix
