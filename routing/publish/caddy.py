"""The rules as a configuration of Caddy, in its own JSON.

Caddy's maps are gone through from the first line to the last. So hosts stand in groups: a route's list of hosts is
searched by halves, and behind it are the maps of that group alone. Of `{…}` in a text Caddy makes what the name stands
for: tenants' texts hold no braces (`json_text`), and those written here have a backslash before theirs.

Sources: Caddy's documentation of http.handlers.map, vars, static_response, reverse_proxy and http.matchers.vars.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from math import isqrt
from typing import Any

from routing.core.grammar.hosts import is_wildcard
from routing.publish import patterns
from routing.publish.documents import Export, File, Surroundings, Unquotable
from routing.publish.json_text import error_body, json_text
from routing.publish.patterns import RULINGS, Verdict, What
from routing.publish.remarks import remark_lines
from routing.publish.rules import MAX_DEPTH, UNCERTAIN, HostRule, Letter, PrefixRule, Rules

NAME = "caddy.json"
OWN_REMARKS = (
    "a host in other than lower case is the app's, and so is an IPv6 address with a port",
    "a User-Agent field that is sent twice is read as one",
)
#: The fewest hosts for which a group of their own is worth while.
_MIN_GROUP = 64
_HOST = "{http.request.host}"
_TARGET = "{http.request.orig_uri}"
_INERT = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
Json = dict[str, Any]
#: Whether an input is an expression, the input, and what it gives.
Line = tuple[str, str, str]


def caddy(rules: Rules, around: Surroundings) -> Export:
    """One file. Raises Unquotable."""
    server: Json = {
        "listen": [around.listen],
        "automatic_https": {"disable": True},
        "routes": [_remarks(rules), *_routes(rules, around)],
    }
    apps: Json = {"http": {"servers": {"registry-facade": server}}}
    if around.certificate:
        files = {"certificate": around.certificate, "key": around.key or around.certificate}
        apps["tls"] = {"certificates": {"load_files": [files]}}
        server["tls_connection_policies"] = [{}]
    return Export((File(NAME, json.dumps({"admin": {"disabled": True}, "apps": apps}, indent=1) + "\n"),))


def plain(text: str) -> str:
    """A text that Caddy takes as it is. Raises Unquotable for one with braces."""
    if "{" in text or "}" in text:
        raise Unquotable(f"Caddy would read a placeholder in {text[:80]!r}")
    return text


def _remarks(rules: Rules) -> Json:
    """A route that no request takes: JSON has no comments, and Caddy refuses members that it doesn't know."""
    written = f"written by “facade export_routes”: the routing table of generation {rules.generation}; don't edit"
    lines = [plain(line) for line in (written, *remark_lines(rules.remarks, OWN_REMARKS))]
    return {"match": [{"not": [{}]}], "handle": [{"handler": "vars", "remarks": lines}]}


def _routes(rules: Rules, around: Surroundings) -> Iterator[Json]:
    """In order: the first set variables, the last answer."""
    yield {"handle": list(_about_the_request(rules))}
    yield from _about_the_host(rules)
    yield {"handle": list(_what_to_do())}
    for verdict, answer in _answers(around).items():
        matches = [{"vars": {_var("verdict"): [verdict.value]}}]
        yield {"match": matches, "handle": [{"handler": "static_response", **answer}], "terminal": True}
    yield {"handle": [_proxy(around)]}


def _var(name: str) -> str:
    return f"{{http.vars.rf_{name}}}"


def _set(name: str, source: str, lines: Iterable[Line], default: str = "", place: str = "") -> Iterator[Json]:
    """A map, and its answer in a variable: Caddy would go through the map for each place that names it.

    `place` tells several maps for one variable apart: of those with one destination Caddy asks the first alone.
    """
    found = f"{{rf_{name}{place}_found}}"
    yield {
        "handler": "map",
        "source": source,
        "destinations": [found],
        "mappings": [{kind: given, "outputs": [output]} for kind, given, output in lines],
        "defaults": [default],
    }
    yield {"handler": "vars", f"rf_{name}": found}


def _expression(pattern: str, output: str) -> Line:
    return "input_regexp", pattern, output


def _word(text: str, output: str) -> Line:
    return "input", plain(text), plain(output)


def _about_the_request(rules: Rules) -> Iterator[Json]:
    kinds = ((patterns.CONTENT, What.CONTENT), (patterns.LIST, What.LIST), (patterns.PING, What.PING))
    yield from _set("kind", _TARGET, [_expression(*each) for each in kinds])
    yield from _set("short", _TARGET, [_expression(pattern, "y") for pattern in (patterns.SHORT, patterns.PING)], "n")
    yield from _set("port", "{http.request.hostport}", [_expression(patterns.AUTHORITY, "${2}")], "-")
    asked = f"{{http.request.method}} {_var('port')} {_var('short')} {_var('kind')}"
    yield from _set("what", asked, [_expression("^(?:GET|HEAD) (?:|:[0-9]+) y ([a-z]+)$", "${1}")])
    for name, group in (("name", "${1}"), ("tail", "${2}")):
        lines = [_expression(pattern, group) for pattern in (patterns.CONTENT, patterns.LIST)]
        yield from _set(name, _TARGET, lines, "-")
    for depth in filter(None, rules.depths):
        start = f"^([^/]+(?:/[^/]+){{{depth - 1}}})(?:/|$)"
        yield from _set(f"start_{depth}", _var("name"), [_expression(start, "${1}")], "-")
    classes = [_expression(f"(?i){pattern}", found) for pattern, found in patterns.client_classes(rules.clients)]
    yield from _set("client", "{http.request.header.User-Agent}", classes, UNCERTAIN)
    yield from _set("authorized", "{http.request.header.Authorization}", [_expression("^$", "n")], "y")
    yield from _set("parent", _HOST, [_expression(patterns.BELOW, "${1}")], "-")
    yield {"handler": "vars", "rf_host": "", "rf_prefix": f"{Letter.NOT_MAPPED}|0|0|"}


def _about_the_host(rules: Rules) -> Iterator[Json]:
    """What is known of the host, and the longest of its prefixes: later routes know more components of it."""
    below: dict[str, list[PrefixRule]] = {}
    for prefix in rules.prefixes:
        below.setdefault(prefix.key.partition("/")[0], []).append(prefix)
    own = [rule for rule in rules.hosts if not is_wildcard(rule.name)]
    size = max(_MIN_GROUP, isqrt(len(own)))
    for start in range(0, len(own), size):
        group = own[start : start + size]
        names = [rule.name for rule in group]
        handlers = list(_group(_HOST, [(rule.name, rule) for rule in group], below))
        yield {"match": [{"host": names}], "handle": handlers}
    wildcards = [(rule.name[2:], rule) for rule in rules.hosts if is_wildcard(rule.name)]
    if wildcards:
        matches = [{"vars": {_var("host"): [""]}}]
        yield {"match": matches, "handle": list(_group(_var("parent"), wildcards, below))}


def _group(source: str, hosts: Sequence[tuple[str, HostRule]], below: dict[str, list[PrefixRule]]) -> Iterator[Json]:
    is_below = bool(hosts) and is_wildcard(hosts[0][1].name)
    place = "_below" if is_below else ""
    yield from _set("host", source, [_word(name, _host_value(rule)) for name, rule in hosts], "", place)
    rules = [rule for _, host in hosts for rule in below.get(host.name, ())]
    served = f"*.{source}" if is_below else source
    for depth in sorted({rule.depth for rule in rules}):
        key = f"{served}/{_var(f'start_{depth}')}" if depth else f"{served}/"
        lines = [_word(rule.key, _prefix_value(rule)) for rule in rules if rule.depth == depth]
        yield from _set("prefix", key, lines, _var("prefix"), f"{place}_{depth}")


def _host_value(rule: HostRule) -> str:
    text = json_text(rule.text) if rule.letter is Letter.REFUSED else rule.text
    return f"{rule.letter}|{rule.name}|{text}"


def _prefix_value(rule: PrefixRule) -> str:
    return f"{rule.letter}|{rule.depth}|{rule.least}|{rule.base}"


def _what_to_do() -> Iterator[Json]:
    yield from _set("host_letter", _var("host"), [_expression("^(.)[|]", "${1}")], Letter.APP)
    yield from _set("text", _var("host"), [_expression("^.[|][^|]*[|](.*)$", "${1}")])
    yield from _set("letter", _var("prefix"), [_expression("^(.)[|]", "${1}")])
    yield from _set("base", _var("prefix"), [_expression("^(?:[^|]*[|]){3}(.*)$", "${1}")])
    rests = [_expression("^.[|]0[|][^ ]* (.*)$", "/${1}")]
    rests += [
        _expression(rf"^.[|]{depth}[|][^ ]* [^/]+(?:/[^/]+){{{depth - 1}}}((?:/.*)?)$", "${1}")
        for depth in range(1, MAX_DEPTH + 1)
    ]
    yield from _set("rest", f"{_var('prefix')} {_var('name')}", rests)
    fits = [
        _expression(rf"^(.)[|][0-9]+[|]{least}[|][^ ]* {patterns.fits_least(least)[1:]}", "${1}") for least in (0, 1, 2)
    ]
    yield from _set("fitting", f"{_var('prefix')} {_var('rest')}", fits, Letter.APP)
    whole = f"[{Letter.REFUSED}{Letter.NOT_SERVED}{Letter.APP}]"
    asked = [(f"^{What.PING} (.) ", "${1}"), (f"^[a-z]+ ({whole}) ", "${1}"), ("^[a-z]+ . (.)$", "${1}")]
    letters = f"{_var('what')} {_var('host_letter')} {_var('fitting')}"
    yield from _set("asked", letters, [_expression(*each) for each in asked], Letter.APP)
    state = " ".join(map(_var, ("what", "asked", "client", "authorized")))
    yield from _set("verdict", state, [_expression(pattern, verdict) for pattern, verdict in RULINGS])


def _answers(around: Surroundings) -> dict[Verdict, Json]:
    challenge = f'Bearer realm="{around.scheme}://{_HOST}{_var("port")}/token",service="{_HOST}"'
    scope = f'{challenge},scope="repository:{_var("name")}:pull"'
    asked = ("UNAUTHORIZED", "authentication required")
    switched_off = f"the mapping of {_HOST}{_var('base')} is switched off; ask the owner of {_HOST}"
    nowhere = f"{_HOST}/{_var('name')} is not mapped to any registry; ask the owner of {_HOST}"
    away = f"{_HOST} is switched off at this registry facade"
    return {
        Verdict.REDIRECT: _redirect(f"{_var('base')}{_var('rest')}/{_var('tail')}", around),
        Verdict.LEAD: _redirect(_var("text"), around),
        Verdict.FINE: {"status_code": 200, "headers": _headers(**_INERT), "body": r"\{\}"},
        Verdict.CHALLENGE: _error(401, *asked, {"WWW-Authenticate": scope}),
        Verdict.CHALLENGE_PING: _error(401, *asked, {"WWW-Authenticate": challenge}),
        Verdict.SWITCHED_OFF: _error(403, "DENIED", switched_off),
        Verdict.NOT_MAPPED: _error(404, "NAME_UNKNOWN", nowhere),
        Verdict.REFUSED: _error(403, "DENIED", _var("text")),
        Verdict.NOT_SERVED: _error(404, "NAME_UNKNOWN", away),
    }


def _redirect(location: str, around: Surroundings) -> Json:
    cache = f"max-age={around.max_age_seconds}" if around.max_age_seconds else "no-store"
    headers = _headers(Location=location, **{"Cache-Control": cache})
    del headers["Content-Type"]
    if around.max_age_seconds:
        headers["Vary"] = ["User-Agent, Authorization"]
    return {"status_code": 307, "headers": headers}


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Json:
    before, after = error_body(code, "\0").replace("{", r"\{").replace("}", r"\}").split("\0")
    all_headers = _headers(**_INERT, **{"Cache-Control": "no-store"}, **(headers or {}))
    return {"status_code": status, "headers": all_headers, "body": before + message + after}


def _headers(**more: str) -> dict[str, list[str]]:
    first = {"Docker-Distribution-Api-Version": "registry/2.0", "Content-Type": "application/json"}
    return {name: [value] for name, value in {**first, **more}.items()}


def _proxy(around: Surroundings) -> Json:
    forwarded = {"request": {"set": {"X-Forwarded-Proto": [around.scheme]}}}
    return {"handler": "reverse_proxy", "upstreams": [{"dial": around.app}], "headers": forwarded}
