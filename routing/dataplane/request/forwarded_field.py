"""Grammar of `Forwarded` (RFC 7239 §4): what each proxy on a request's way says of whom it got the request from."""

import ipaddress
import re
from collections.abc import Mapping

# A parameter of an element, or none, and what ends it. Values with a colon have to be quoted, and are not by everybody.
_PARAMETER = re.compile(
    r"[ \t]*+(?:([!#$%&'*+.^_`|~0-9A-Za-z-]++)="
    r'(?:"((?:[^"\\]|\\.)*)"|([^ \t",;]++)))?[ \t]*+([,;]|\Z)'
)
_QUOTED_PAIR = re.compile(r"\\(.)")
_PORT = re.compile(r":[0-9]{1,5}\Z")


def parse_forwarded(text: str) -> list[Mapping[str, str]]:
    """The elements, each as its parameters by their names in lower case. The last was written last.

    Where the text is malformed there are none: nobody can say which word is whose.
    """
    elements: list[Mapping[str, str]] = []
    element: dict[str, str] = {}
    position, end = 0, ","
    while end:
        parameter = _PARAMETER.match(text, position)
        if parameter is None:
            return []
        name, quoted, plain, end = parameter.groups()
        if name is not None:
            element.setdefault(name.lower(), _QUOTED_PAIR.sub(r"\1", quoted) if plain is None else plain)
        if end != ";" and element:
            elements.append(element)
            element = {}
        position = parameter.end()
    return elements


def address_of(node: str) -> str:
    """The address of a `for`, without its port; "" where it is unknown, a name of the proxy's own, or none at all."""
    if node.startswith("[") or node.count(":") == 1:
        node = _PORT.sub("", node)
    try:
        return str(ipaddress.ip_address(node.removeprefix("[").removesuffix("]")))
    except ValueError:
        return ""
