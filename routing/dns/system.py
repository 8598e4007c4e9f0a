"""How this machine says names are looked up: its hosts file, its name servers and its search list.

Sources: hosts(5), resolv.conf(5); RFC 6761 §6.3 (localhost). Both files are read anew when they have changed.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

HOSTS = "/etc/hosts"
RESOLV_CONF = "/etc/resolv.conf"
_LOOPBACK = ("127.0.0.1", "::1")
# Fits into every path's packets (DNS flag day 2020); what is longer comes by TCP.
_UDP_BYTES = 1232
# A first name server that is down leaves time for the second one. resolv.conf's own default is 5.
_MAX_SECONDS_A_TRY = 1.0


def hosts_addresses(name: str, path: str = HOSTS) -> Sequence[str]:
    """The addresses that the hosts file has for a name; of `localhost` and names under it, the loopback ones."""
    name = name.lower().removesuffix(".")
    found = _hosts(path, _changed(path)).get(name, ())
    if not found and (name == "localhost" or name.endswith(".localhost")):
        return _LOOPBACK
    return found


def configured_resolver(path: str = RESOLV_CONF, port: int = 53) -> dns.asyncresolver.Resolver:
    """A resolver as resolv.conf says. Raises `OSError` where it names no usable name server."""
    return _resolver(path, port, _changed(path))


def names_to_ask(resolver: dns.asyncresolver.Resolver, name: str) -> list[dns.name.Name]:
    """The absolute names to ask for, in order, by the search list and `ndots`. Raises `ValueError` for no DNS name."""
    try:
        asked = dns.name.from_text(name, None)
        if asked.is_absolute():
            return [asked]
        absolute = asked.concatenate(dns.name.root)
        searched = [_joined(asked, suffix) for suffix in _search_list(resolver)]
        ndots = 1 if resolver.ndots is None else resolver.ndots
        candidates = [absolute, *searched] if len(asked) > ndots else [*searched, absolute]
    except dns.exception.DNSException:
        raise ValueError("it is no DNS name") from None
    return [candidate for candidate in candidates if candidate is not None]


def _search_list(resolver: dns.asyncresolver.Resolver) -> Sequence[dns.name.Name]:
    if resolver.search:
        return resolver.search
    return [resolver.domain] if resolver.domain not in (None, dns.name.root) else []


def _joined(name: dns.name.Name, suffix: dns.name.Name) -> dns.name.Name | None:
    try:
        return name.concatenate(suffix)
    except dns.name.NameTooLong:
        return None


def _changed(path: str) -> int:
    """When a file was last changed, as far as that tells two versions of it apart; 0 where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return 0
    return hash((status.st_mtime_ns, status.st_ino, status.st_size)) or 1


@lru_cache(maxsize=4)
def _hosts(path: str, changed: int) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    try:
        text = Path(path).read_text("utf-8", "replace") if changed else ""
    except OSError:
        text = ""
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            parsed = str(ipaddress.ip_address(address))
        except ValueError:
            continue
        for name in names:
            addresses = found.setdefault(name.lower().removesuffix("."), [])
            if parsed not in addresses:
                addresses.append(parsed)
    return found


@lru_cache(maxsize=4)
def _resolver(path: str, port: int, changed: int) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=False)
    try:
        resolver.read_resolv_conf(path)
    except (dns.exception.DNSException, ValueError) as error:
        raise OSError("this machine has no usable name server in its resolv.conf") from error
    resolver.port = port
    resolver.timeout = min(resolver.timeout, _MAX_SECONDS_A_TRY)
    resolver.use_edns(0, 0, _UDP_BYTES)
    return resolver
