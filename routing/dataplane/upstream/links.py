"""`Link` header fields (RFC 8288) that registries write: where a list goes on.

They are read in time that grows with their length and no faster.
"""

import re
from collections.abc import Iterable, Iterator

# Longer than any registry's.
_MAX_LENGTH = 8192
_REL = re.compile(r";\s*+rel\s*+=\s*+(?:\"([^\"]*+)\"|([^\s;,]*+))", re.IGNORECASE)


class UnreadableLink(ValueError):
    """A `Link` field that no link can be read from."""


def next_target(values: Iterable[str]) -> str | None:
    """The target of the first link to a next page, as it was written; None where there is none.

    A link without a relation counts: clients take it for one to the next page, too. Raises `UnreadableLink`.
    """
    for value in values:
        if len(value) > _MAX_LENGTH:
            raise UnreadableLink("a Link header is too long")
        links = list(_links(value))
        if value.strip() and not links:
            raise UnreadableLink("a Link header holds no link")
        for target, parameters in links:
            relation = _REL.search(parameters)
            if relation is None or "next" in (relation[1] or relation[2] or "").lower().split():
                return target
    return None


def _links(value: str) -> Iterator[tuple[str, str]]:
    """The links of a field: what stands in angle brackets, and the parameters behind it."""
    end = 0
    while (begin := value.find("<", end)) >= 0 and (closing := value.find(">", begin)) >= 0:
        begin = value.rfind("<", begin, closing)
        end = _end_of_parameters(value, closing + 1)
        yield value[begin + 1 : closing], value[closing + 1 : end]


def _end_of_parameters(value: str, start: int) -> int:
    """Where the comma is that ends a link: commas in quotes do not (RFC 8288 §3)."""
    in_quotes = False
    for position in range(start, len(value)):
        if value[position] == '"':
            in_quotes = not in_quotes
        elif value[position] == "," and not in_quotes:
            return position
    return len(value)
