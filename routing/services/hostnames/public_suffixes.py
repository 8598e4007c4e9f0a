"""Where the names of the public end, and those that somebody can register begin (https://publicsuffix.org/)."""

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(name: str) -> bool:
    """Whether anybody can have names below this one, as below co.uk."""
    return bool(_list().is_public(name))


def registrable_domain(name: str) -> str:
    """The domain that somebody registered: acme.co.uk of docker.acme.co.uk; "" for a public suffix itself."""
    return _list().privatesuffix(name) or ""


def is_registrable(name: str) -> bool:
    """Whether a name is such a domain: other records are there, so that it can have no CNAME (RFC 1912 §2.4)."""
    return registrable_domain(name) == name


@cache
def _list() -> PublicSuffixList:
    # The list comes with the package: nothing is fetched. A suffix that it doesn't know is one of a single label.
    return PublicSuffixList()
