"""Redirects that somebody has in nginx, in a Caddyfile, or in the plain container's variables, as a document.

Only the usual forms are read: a site or server of literal names, and in it redirects of a literal path to a literal
registry. What else a line could mean is for people: such lines are told, by number, and left out.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from routing.services.base.errors import ServiceError
from routing.services.configuration.document import (
    VERSION,
    Document,
    HostnameItem,
    MappingItem,
    RegistryItem,
    TenantItem,
)
from routing.services.mappings.mappings import parse_prefix
from routing.services.registries.targets import parse_origin

_HOST = r"[A-Za-z0-9*.-]+"
_PREFIX = r"/v2/(?P<prefix>[a-z0-9._/-]*?)/?"
_TARGET = r"(?P<origin>https?://[A-Za-z0-9.:-]+)"
_UPSTREAM = r"/v2/(?P<upstream>[a-z0-9._/-]*?)/?"
# What stands behind the registry's name: all of the request's target as it is, or what follows the prefix.
_SAME = r"(?:\$request_uri|\$uri|\{uri\}|\{http\.request\.uri\})"
_NGINX = (
    re.compile(rf"^return 30[1278] {_TARGET}{_SAME};$"),
    re.compile(rf"^return 30[1278] {_TARGET}{_UPSTREAM}\$1(?:\$is_args\$args)?;$"),
    re.compile(rf"^rewrite \^{_PREFIX}\(\.\*\)\$? {_TARGET}{_UPSTREAM}\$1(?: (?:redirect|permanent))?;$"),
)
_LOCATION = re.compile(rf"^location (?:\^~ |~ \^)?(?:/|{_PREFIX}(?:\(\.\*\)\$?)?) \{{$")
_CADDY = (
    re.compile(rf"^redir (?:/?\* )?{_TARGET}{_SAME}(?: 30[1278]| temporary| permanent)?$"),
    re.compile(rf"^redir {_PREFIX}\* {_TARGET}{_SAME}(?: 30[1278]| temporary| permanent)?$"),
)
_SITE = re.compile(rf"^(?:https?://)?({_HOST})(?::[0-9]+)?$")
_VARIABLE = re.compile(
    r"^(?:export )?(REGISTRY_HOST|REGISTRY_ORG|FACADE_HOSTNAME)=[\"']?([^\"'#]*+)[\"']?\s*+(?:#.*)?$"
)
# Lines that say nothing of where a name leads.
_SILENT = re.compile(
    r"^(?:}|server \{|location .*\{|listen |ssl_|add_header |client_max_body_size |access_log |error_log |tls\b|log\b"
    r"|encode |http2 |http \{|events \{|worker_|include mime)"
)


class Redirect(NamedTuple):
    """One prefix of one hostname, and where it leads."""

    hostname: str
    prefix: str
    origin: str
    upstream_prefix: str
    delivery: Literal["auto", "redirect-only"] = "redirect-only"


class Imported(NamedTuple):
    """A document, and the lines that were not understood, each with its number."""

    document: Document
    ignored: tuple[str, ...]


def import_rules(text: str, tenant: str) -> Imported:
    """The redirects of a file, all as a tenant's. Raises ServiceError where there is none."""
    lines = [(number, " ".join(line.split())) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    ignored: list[str] = []
    found = list(dict.fromkeys(_variables(lines) or _rules(lines, ignored)))
    if not found:
        raise ServiceError(
            "no redirect of a usual form was found: “return 307 https://ghcr.io$request_uri;” in a server of nginx, "
            "“redir https://ghcr.io{uri} 307” in a site of Caddy, or REGISTRY_HOST=ghcr.io"
        )
    return Imported(_document(found, tenant), tuple(ignored))


def _variables(lines: list[tuple[int, str]]) -> list[Redirect]:
    values = {match[1]: match[2].strip() for _, line in lines if (match := _VARIABLE.match(line))}
    if not values.get("REGISTRY_HOST"):
        return []
    if not values.get("FACADE_HOSTNAME"):
        raise ServiceError("FACADE_HOSTNAME is not there: say for which hostname REGISTRY_HOST holds")
    organisation = parse_prefix(values.get("REGISTRY_ORG", ""))
    host = values["REGISTRY_HOST"]
    origin = parse_origin(host if "://" in host else f"https://{host}")
    return [Redirect(values["FACADE_HOSTNAME"].lower(), organisation, origin, organisation, "auto")]


def _rules(lines: list[tuple[int, str]], ignored: list[str]) -> Iterator[Redirect]:
    """By what surrounds a line: the names of its server or site, and the prefix of its location."""
    names: list[str] = []
    prefix, depth, location = "", 0, 0
    for number, line in lines:
        if line.startswith("server_name "):
            names = [name.lower() for name in line[12:].rstrip(";").split() if name != "_"]
        elif depth == 0 and line.endswith("{") and not line.startswith(("server", "http ", "events")):
            names = [site[1].lower() for part in line[:-1].split(",") if (site := _SITE.match(part.strip()))]
            if not names and line != "{":
                ignored.append(f"line {number}: {line}")
        elif line.startswith("location "):
            match = _LOCATION.match(line)
            prefix, location = (match["prefix"] or "") if match else "?", depth + 1
        elif match := next((each for form in (*_NGINX, *_CADDY) if (each := form.match(line))), None):
            yield from _redirects(match, names, prefix, number, line, ignored)
        elif not _SILENT.match(line):
            ignored.append(f"line {number}: {line}")
        depth += line.count("{") - line.count("}") if not line.startswith("redir ") else 0
        if depth < location:
            prefix, location = "", 0


def _redirects(
    match: re.Match[str], names: list[str], around: str, number: int, line: str, ignored: list[str]
) -> Iterator[Redirect]:
    said = match.groupdict()
    prefix = said["prefix"] if said.get("prefix") is not None else around
    if not names or prefix == "?":
        ignored.append(f"line {number}: {line}")
        return
    prefix = parse_prefix(prefix or "")
    upstream = prefix if "upstream" not in said else parse_prefix(said["upstream"] or "")
    for name in names:
        yield Redirect(name, prefix, parse_origin(said["origin"]), upstream)


def _document(found: list[Redirect], tenant: str) -> Document:
    """Pushes are redirected too, as they were; and of rules all is, for clients that can't follow as well."""
    origins = sorted({redirect.origin for redirect in found})
    registries = tuple(RegistryItem(origin, origin.partition("://")[2]) for origin in origins)
    hostnames = []
    for name in sorted({redirect.hostname for redirect in found}):
        by_prefix = {redirect.prefix: redirect for redirect in reversed(found) if redirect.hostname == name}
        mappings = tuple(
            MappingItem(each.prefix, each.origin, each.upstream_prefix, allow_push=True, delivery=each.delivery)
            for _, each in sorted(by_prefix.items())
        )
        hostnames.append(HostnameItem(name, mappings=mappings))
    entry = TenantItem(tenant, tenant, registries=registries, hostnames=tuple(hostnames))
    return Document(version=VERSION, tenants=(entry,))
