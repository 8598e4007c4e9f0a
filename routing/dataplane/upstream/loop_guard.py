"""Keeps the facade from asking itself, and again, until every place for a relay is taken.

A registry or a token realm may come to lie at a hostname of the facade after it was added: another tenant may prove
that name.
"""

import re
from functools import lru_cache

from routing.core.grammar.hosts import InvalidHost, parse_authority
from routing.core.table.routing_table import Table
from routing.dataplane.request.responses import Response, error

# A host name has 253 characters at most, and there may be a port behind it.
_MAX_AUTHORITY_LENGTH = 260
_END_OF_AUTHORITY = re.compile(r"[/?#]")


@lru_cache(maxsize=1024)
def _host_of(authority: str) -> str:
    """The host, in the table's form; "" where it has none."""
    try:
        return parse_authority(authority)[0]
    except InvalidHost:
        return ""


def loop_refusal(table: Table, url: str, asked_host: str) -> Response | None:
    """The answer where a registry's or realm's URL leads to a hostname of this facade; None where it leads away.

    `asked_host` is that of the request. Where one hostname answers for all names, none of them says whether it leads
    here; but a request for the registry's own name that arrives here does.
    """
    # RFC 3986 §3.2: the authority ends at the first of these.
    authority = _END_OF_AUTHORITY.split(url.partition("://")[2], maxsplit=1)[0]
    host = _host_of(authority) if len(authority) <= _MAX_AUTHORITY_LENGTH else ""
    if not host:
        return None
    if table.match_own_host(host)[1] is None and (host != asked_host or not table.policy.catch_all):
        return None
    message = f"{host} is a hostname of this registry facade, which can't ask itself; ask the owner of this address"
    return error(502, "UNAVAILABLE", message)
