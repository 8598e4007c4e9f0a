"""Entity tags (RFC 9110 §8.8.3) and `If-Match` (§13.1.1): a change that was made of an older state is refused with 412.

A row's tag is its version, which every write counts.
"""

import re
from typing import Any, TypeVar

from django.http import HttpResponse
from ninja import Header

from routing.models.versioned import VersionedModel
from routing.services.base.unit_of_work import check_version

V = TypeVar("V", bound=VersionedModel)

#: The default of a route's parameter `if_match`.
IF_MATCH: Any = Header(  # type: ignore[type-arg]  # django-ninja makes one name of a function and a type.
    None, alias="If-Match", description="The ETag of what you looked at: refused with 412 where it isn't so any more."
)
#: The same for who has an answer already, `if_none_match`.
IF_NONE_MATCH: Any = Header(  # type: ignore[type-arg]
    "", alias="If-None-Match", description="The ETag of what you have: 304 where it is so still."
)
# Weak tags never match (§13.1.1 asks for the strong comparison), nor does what isn't one of ours.
_TAG = re.compile(r'(?:^|,)[ \t]*"([0-9]{1,19})"[ \t]*(?=,|$)')


def versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that a client takes, for verbs; None for any (no header, or `*`)."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(int(digits) for digits in _TAG.findall(if_match))


def tagged(response: HttpResponse, row: V) -> V:
    """The row, with its tag in the answer."""
    response["ETag"] = etag(row.version)
    return row


def looked_at(response: HttpResponse, row: V, if_match: str | None) -> V:
    """The same, for who only looks. Raises Outdated for a row at another version than the client takes."""
    check_version(row, versions(if_match))
    return tagged(response, row)


def etag(version: int) -> str:
    """The tag of a row of that version."""
    return f'"{version}"'
