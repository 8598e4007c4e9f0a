"""The rules as files of Envoy: its bootstrap, its listener (LDS), and the routing table as a RouteConfiguration (RDS).

Envoy watches the last two, and takes what is moved into their place without a restart. The listener's filters
(`envoy_listener`) find out what a request is about, once; what a route compares is short texts of their findings. So
no route has an expression, and whatever tenants write stands in strings of JSON.

Sources: Envoy's API v3: config.route.v3, config.core.v3 (PathConfigSource), service.discovery.v3, and the page on
substitution formatters.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from routing.core.grammar.hosts import is_wildcard
from routing.publish import envoy_listener
from routing.publish.documents import Export, File, Surroundings, Unquotable
from routing.publish.envoy_listener import AUTHORITY, HOST, NAME, PARENT, PARTS, PREFIX, found, outcome, read
from routing.publish.json_text import error_body, json_text
from routing.publish.patterns import Verdict
from routing.publish.remarks import remark_lines
from routing.publish.rules import HostRule, Letter, PrefixRule, Rules

BOOTSTRAP, LISTENER, ROUTES = "envoy.json", "envoy-listener.json", "envoy-routes.json"
OWN_REMARKS = (
    "a host in other than lower case is the app's",
    "a User-Agent field that is sent twice is read as one",
    "while the app is gone, what is handed to it is answered 503",
)
_ROUTE_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_LISTENER_TYPE = "type.googleapis.com/envoy.config.listener.v3.Listener"
_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_BASE = re.compile(r"(?P<origin>https?://[^/]+)/v2(?P<upstream>(?:/[a-z0-9._-]+)*)")
_INERT = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
Json = dict[str, Any]


def envoy(rules: Rules, around: Surroundings) -> Export:
    """The two files that are watched, and the bootstrap that names them. Raises Unquotable."""
    routes = route_configuration(rules, around)
    listener = envoy_listener.listener(rules, around, {"rds": _rds(around)})
    judged = envoy_listener.listener(rules, around, {"route_config": routes})
    return Export(
        (
            File(ROUTES, discovery(rules, _ROUTE_TYPE, routes)),
            File(LISTENER, discovery(rules, _LISTENER_TYPE, listener)),
            File(BOOTSTRAP, _bootstrap(rules, around, {"lds_config": _watched(around, LISTENER)}, {})),
        ),
        # Envoy doesn't read watched files when it only validates.
        File("judged.json", _bootstrap(rules, around, {}, {"listeners": [judged]})),
    )


def discovery(rules: Rules, kind: str, resource: Json) -> str:
    """A file that is watched. Its version is the table's generation."""
    return _written({"version_info": str(rules.generation), "resources": [{"@type": kind, **resource}]})


def route_configuration(rules: Rules, around: Surroundings) -> Json:
    """The table: a virtual host for each hostname that has rules of its own. Raises Unquotable."""
    below: dict[str, list[PrefixRule]] = {}
    for prefix in rules.prefixes:
        below.setdefault(prefix.key.partition("/")[0], []).append(prefix)
    by_letter: dict[Letter, list[str]] = {Letter.APP: ["*"], Letter.NOT_SERVED: []}
    hosts = []
    for rule in rules.hosts:
        domain = _domain(rule.name)
        if rule.letter in by_letter and not is_wildcard(rule.name):
            by_letter[rule.letter].append(domain)
        else:
            deepest_first = sorted(below.get(rule.name, ()), key=lambda prefix: (-prefix.depth, prefix.key))
            routes = list(_routes(rule, deepest_first, around))
            hosts.append({"name": domain, "domains": [domain], "routes": routes})
    shared = [
        {"name": letter.name.lower(), "domains": domains, "routes": list(_routes(HostRule("", letter), (), around))}
        for letter, domains in by_letter.items()
        if domains
    ]
    return {
        "name": envoy_listener.NAMESPACE,
        "ignore_port_in_host_matching": True,
        "max_direct_response_body_size_bytes": 8192,
        "virtual_hosts": [*shared, *hosts],
    }


def _domain(name: str) -> str:
    bare = name[2:] if is_wildcard(name) else name
    if not re.fullmatch(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]", bare):
        raise Unquotable(f"Envoy can't have the domain {name[:80]!r}: it has characters that no hostname has")
    return name


def _routes(host: HostRule, prefixes: Iterable[PrefixRule], around: Surroundings) -> Iterator[Json]:
    """In order: the first that fits answers, and the last one is the app's."""
    if is_wildcard(host.name):
        # Envoy's wildcards stand for any number of labels.
        yield _to_app(_unless(found(PARENT, exact=host.name[2:])))
    if host.letter is not Letter.APP:
        yield from _of_host(host, around)
    if host.is_served:
        for prefix in prefixes:
            yield from _of_prefix(prefix, around)
        yield _refusal(_NOT_MAPPED, [outcome(Letter.NOT_MAPPED, Verdict.NOT_MAPPED)])
    yield _to_app()


def _of_host(host: HostRule, around: Surroundings) -> Iterator[Json]:
    match host.letter:
        case Letter.REFUSED:
            body = error_body("DENIED", json_text(host.text))
            yield _answer(403, [outcome(Letter.REFUSED, Verdict.REFUSED)], body, _kept())
        case Letter.NOT_SERVED:
            away = f"{read(HOST)} is switched off at this registry facade"
            yield _refusal((404, "NAME_UNKNOWN", away), [outcome(Letter.NOT_SERVED, Verdict.NOT_SERVED)])
        case Letter.FINE:
            yield _answer(200, [outcome(Letter.FINE, Verdict.FINE)], "{}", _INERT)
        case Letter.LEADS | Letter.LEADS_DOCKER:
            # A formatter reads it.
            location = {"Location": host.text.replace("%", "%%")}
            headers = {**_lifetime(around), **location}
            yield _answer(307, [outcome(host.letter, Verdict.LEAD)], "", headers)
    if host.letter in (Letter.LEADS_DOCKER, Letter.CHALLENGES):
        yield _challenge([outcome(host.letter, Verdict.CHALLENGE_PING)], "", around)


_NOT_MAPPED = (
    404,
    "NAME_UNKNOWN",
    f"{read(HOST)}/{read(NAME)} is not mapped to any registry; ask the owner of {read(HOST)}",
)


def _of_prefix(rule: PrefixRule, around: Surroundings) -> Iterator[Json]:
    prefix = rule.key.partition("/")[2]
    if not re.fullmatch(r"[a-z0-9._/-]*", prefix):
        raise Unquotable(f"Envoy can't have the prefix {rule.key[:80]!r}: it has characters that no name has")
    below = [found(PREFIX, prefix=f"{prefix}/")] if prefix else []
    fitting = [*below, found(PARTS, prefix="x" * (rule.depth + rule.least))] if rule.least else below
    match rule.letter:
        case Letter.REDIRECT_ONLY | Letter.OPEN | Letter.SPLIT:
            yield _redirect(rule, prefix, [*fitting, outcome(rule.letter, Verdict.REDIRECT)], around)
        case Letter.SWITCHED_OFF:
            base = f"the mapping of {read(HOST)}{rule.base} is switched off; ask the owner of {read(HOST)}"
            yield _refusal((403, "DENIED", base), [*below, outcome(rule.letter, Verdict.SWITCHED_OFF)])
        case Letter.NOT_MAPPED:
            yield _refusal(_NOT_MAPPED, [*below, outcome(rule.letter, Verdict.NOT_MAPPED)])
    if rule.letter in (Letter.SPLIT, Letter.BROKER):
        challenged = [*fitting, outcome(rule.letter, Verdict.CHALLENGE)]
        yield _challenge(challenged, f',scope="repository:{read(NAME)}:pull"', around)
    yield _to_app(*below)


def _match(conditions: Iterable[Json], prefix: str = "/") -> Json:
    listed = list(conditions)
    return {"prefix": prefix, **({"dynamic_metadata": listed} if listed else {})}


def _unless(condition: Json) -> Json:
    return {**condition, "invert": True}


def _to_app(*conditions: Json) -> Json:
    return {"match": _match(conditions), "route": {"cluster": envoy_listener.APP, "timeout": "0s"}}


def _redirect(rule: PrefixRule, prefix: str, conditions: list[Json], around: Surroundings) -> Json:
    """With the rest of the path, and the query, as the client sent them."""
    base = _BASE.fullmatch(rule.base)
    origin = base and _ORIGIN.fullmatch(base["origin"])
    if base is None or origin is None:
        raise Unquotable(f"Envoy can't redirect to {rule.base[:80]!r}: it is no address of a registry")
    scheme, host, port = origin.groups()
    target: Json = {"scheme_redirect": scheme, "host_redirect": host, "response_code": "TEMPORARY_REDIRECT"}
    if port:
        target["port_redirect"] = int(port)
    target["prefix_rewrite"] = f"/v2{base['upstream']}/"
    return {
        "match": _match(conditions, f"/v2/{prefix}/" if prefix else "/v2/"),
        "redirect": target,
        "response_headers_to_add": _headers(_lifetime(around)),
    }


def _lifetime(around: Surroundings) -> dict[str, str]:
    if not around.max_age_seconds:
        return _kept()
    return {"Cache-Control": f"max-age={around.max_age_seconds}", "Vary": "User-Agent, Authorization"}


def _kept() -> dict[str, str]:
    return {"Cache-Control": "no-store"}


def _challenge(conditions: list[Json], scope: str, around: Surroundings) -> Json:
    challenge = f'Bearer realm="{around.scheme}://{AUTHORITY}/token",service="{read(HOST)}"{scope}'
    body = error_body("UNAUTHORIZED", "authentication required")
    return _answer(401, conditions, body, {**_kept(), "WWW-Authenticate": challenge})


def _refusal(words: tuple[int, str, str], conditions: list[Json]) -> Json:
    """With a message that names the host or the repository: only characters of the grammar come in."""
    status, code, message = words
    route = _answer(status, conditions, "", {**_kept(), **_INERT, "Content-Type": "application/json"})
    body = error_body(code, message)
    route["direct_response"]["body_format"] = {
        "text_format_source": {"inline_string": body},
        "content_type": "application/json",
    }
    return route


def _answer(status: int, conditions: list[Json], body: str, headers: dict[str, str]) -> Json:
    answer: Json = {"status": status}
    if body:
        answer["body"] = {"inline_string": body}
        headers = {**headers, **_INERT, "Content-Type": "application/json"}
    return {
        "match": _match(conditions),
        "direct_response": answer,
        "response_headers_to_add": _headers(headers),
    }


def _headers(headers: dict[str, str]) -> list[Json]:
    named = {"Docker-Distribution-Api-Version": "registry/2.0", **headers}
    return [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in named.items()
    ]


def _watched(around: Surroundings, name: str) -> Json:
    folder = around.folder or "."
    source = {"path": f"{folder}/{name}", "watched_directory": {"path": folder}}
    return {"resource_api_version": "V3", "path_config_source": source}


def _rds(around: Surroundings) -> Json:
    return {"route_config_name": envoy_listener.NAMESPACE, "config_source": _watched(around, ROUTES)}


def _bootstrap(rules: Rules, around: Surroundings, dynamic: Json, static: Json) -> str:
    written = "Written by “facade export_routes”. Don't edit."
    host, _, port = around.app.rpartition(":")
    address = {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    app = {
        "name": envoy_listener.APP,
        "type": "STRICT_DNS",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": envoy_listener.APP, "endpoints": endpoints},
    }
    remarks = [written, *remark_lines(rules.remarks, OWN_REMARKS)]
    return _written(
        {
            "node": {"id": "registry-facade", "cluster": "registry-facade", "metadata": {"remarks": remarks}},
            # Expressions of the grammar are longer than Envoy takes without being told.
            "layered_runtime": {
                "layers": [{"name": "static", "static_layer": {"re2.max_program_size.error_level": 100_000}}]
            },
            "dynamic_resources": dynamic,
            "static_resources": {"clusters": [app], **static},
        }
    )


def _written(document: Json) -> str:
    return json.dumps(document, separators=(",", ":")) + "\n"
