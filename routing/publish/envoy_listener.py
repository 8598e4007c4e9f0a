"""Envoy's listener, whose filters find out what a request is about before a route is chosen.

What they find is kept as dynamic metadata, which no client can send: the repository's name, and for each letter of
the rules what follows from it for this request. A finding that doesn't hold isn't there. An expression is made to fit
every text, and what it is about is a group of it: where that is empty, Envoy keeps nothing.

Sources: Envoy's API v3: extensions.filters.http.header_to_metadata.v3, header_mutation.v3, set_filter_state.v3.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from routing.publish import patterns
from routing.publish.documents import Surroundings
from routing.publish.patterns import RULINGS, Verdict, What
from routing.publish.rules import DOCKER, FOLLOWS, STAYS, UNCERTAIN, Letter, Rules

NAMESPACE, APP = "registry-facade", "registry-facade-app"
#: Findings: the host without a port, what is behind its first label; the repository's name, the same with a slash at
#: its end, and an `x` for each of its components.
HOST, PARENT, NAME, PREFIX, PARTS = "host", "parent", "name", "prefix", "parts"
AUTHORITY = "%REQ(:AUTHORITY)%"
_AGENT, _STATE, _SLASHED = "x-registry-facade-agent", "x-registry-facade-state", "x-registry-facade-name"
_FLAG, _AUTHORIZED, _NEVER = "+", "authorized", "[^,][,]"
#: What a target is, and that its name isn't too long: RE2 has no way to say both at once.
_WHATS = {
    What.CONTENT.value: patterns.CONTENT,
    What.LIST.value: patterns.LIST,
    What.PING.value: patterns.PING,
    "short": patterns.SHORT,
}
_WHAT_FLAGS = {What.CONTENT: ("/", "", "", "/"), What.LIST: ("", "/", "", "/"), What.PING: ("", "", "/", "")}
Json = dict[str, Any]


def found(key: str, **text: str) -> Json:
    """A condition of a route: that a finding is a text (`exact`), or begins with it (`prefix`)."""
    return _condition(key, {"string_match": text})


def outcome(letter: Letter, verdict: Verdict) -> Json:
    """A condition of a route: that a verdict follows from a letter."""
    return _condition(_outcome_key(letter, verdict), {"present_match": True})


def read(key: str) -> str:
    """A finding, in a text that Envoy formats."""
    return f"%DYNAMIC_METADATA({NAMESPACE}:{key})%"


def listener(rules: Rules, around: Surroundings, routes: Json) -> Json:
    """The listener. `routes` says where its routes are."""
    manager: Json = {
        "@type": _type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": NAMESPACE,
        "codec_type": "AUTO",
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "http_protocol_options": {"accept_http_10": True},
        "http_filters": list(_filters(rules, around)),
        **routes,
    }
    chain: Json = {"filters": [{"name": "http", "typed_config": manager}]}
    if around.certificate:
        chain["transport_socket"] = _tls(around)
    host, _, port = around.listen.rpartition(":")
    address = {"address": host.strip("[]") or "0.0.0.0", "port_value": int(port)}  # noqa: S104 the operator's word
    return {"name": NAMESPACE, "address": {"socket_address": address}, "filter_chains": [chain]}


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.extensions.{name}"


def _tls(around: Surroundings) -> Json:
    certificate = {
        "certificate_chain": {"filename": around.certificate},
        "private_key": {"filename": around.key or around.certificate},
    }
    context = {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [certificate]}
    return {
        "name": "tls",
        "typed_config": {
            "@type": _type("transport_sockets.tls.v3.DownstreamTlsContext"),
            "common_tls_context": context,
        },
    }


def _filters(rules: Rules, around: Surroundings) -> Iterator[Json]:
    """In order: findings on the request's fields, and on these findings; then the route is chosen anew."""
    classes = patterns.client_classes(rules.clients)
    yield _mutation([_put(_AGENT, f"{_FLAG}%REQ(USER-AGENT)%")])
    yield _findings(_about_the_request([pattern for pattern, _ in classes]))
    flags = [_what_key(what) for what in _WHATS] + [_client_key(number) for number in range(len(classes))]
    state = ",".join(("%REQ(:METHOD)%", *map(read, (HOST, *flags, _AUTHORIZED))))
    yield _mutation([_put(_STATE, state), _put(_SLASHED, f"{read(NAME)}/")])
    yield _findings(_about_the_rules([letter for _, letter in classes]))
    yield _mutation(
        [
            *({"remove": name} for name in (_AGENT, _STATE, _SLASHED)),
            _put("X-Forwarded-Proto", around.scheme),
            _put("X-Forwarded-Host", AUTHORITY),
            _put("X-Forwarded-For", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ]
    )
    yield _filter("set_filter_state", "Config", {"clear_route_cache": True, "on_request_headers": [_ANYTHING]})
    yield _filter("router", "Router", {"suppress_envoy_headers": True})


#: That filter wants something to set.
_ANYTHING = {
    "object_key": "registry-facade",
    "factory_key": "envoy.string",
    "format_string": {"text_format_source": {"inline_string": _FLAG}},
}


def _filter(name: str, message: str, config: Json) -> Json:
    return {"name": name, "typed_config": {"@type": _type(f"filters.http.{name}.v3.{message}"), **config}}


def _mutation(mutations: list[Json]) -> Json:
    return _filter("header_mutation", "HeaderMutation", {"mutations": {"request_mutations": mutations}})


def _put(name: str, value: str) -> Json:
    return {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _findings(rules: Iterable[Json]) -> Json:
    return _filter("header_to_metadata", "Config", {"request_rules": list(rules)})


def _about_the_request(clients: Sequence[str]) -> Iterator[Json]:
    """Flags are the first character of what they are about."""
    for what, pattern in _WHATS.items():
        yield _group(":path", _what_key(what), f"(/){pattern.removeprefix('^/')}")
    for pattern in (patterns.CONTENT, patterns.LIST):
        yield _group(":path", NAME, pattern)
    authority = patterns.AUTHORITY.replace("A-Z", "").replace("A-F", "")
    yield _group(":authority", HOST, authority)
    yield _group(":authority", PARENT, patterns.BELOW.removesuffix("$") + "(?::[0-9]+)?$")
    for number, pattern in enumerate(clients):
        yield _group(_AGENT, _client_key(number), rf"(?i)(\{_FLAG}){pattern.removeprefix('^')}")
    yield {"header": "authorization", "on_header_present": {**_kept(_AUTHORIZED), "value": _FLAG}}


def _about_the_rules(classes: Sequence[str]) -> Iterator[Json]:
    yield {"header": _SLASHED, "on_header_present": _kept(PREFIX)}
    yield _finding(_SLASHED, PARTS, "[^/]+/", "x")
    for letter in Letter:
        states: dict[Verdict, list[str]] = {}
        for what, client, authorized in product(What, (DOCKER, FOLLOWS, STAYS, UNCERTAIN), "yn"):
            verdict = _verdict(f"{what} {letter} {client} {authorized}")
            if verdict is not None:
                flags = (*_WHAT_FLAGS[what], *_of_class(client, classes), rf"\{_FLAG}" if authorized == "y" else "")
                states.setdefault(verdict, []).append(",".join(flags))
        for verdict, texts in states.items():
            yield _group(_STATE, _outcome_key(letter, verdict), f"(GET|HEAD),[^,]+,(?:{'|'.join(texts)})$")


def _verdict(state: str) -> Verdict | None:
    return next((ruling.verdict for ruling in RULINGS if re.search(ruling.pattern, state)), None)


def _of_class(client: str, classes: Sequence[str]) -> Iterator[str]:
    """An expression for the flags of a class of clients: of those that are set the first one counts."""
    flag, either = rf"\{_FLAG}", rf"\{_FLAG}?"
    first = [
        ",".join([""] * number + [flag] + [either] * (len(classes) - number - 1))
        for number, letter in enumerate(classes)
        if letter == client
    ]
    if client == UNCERTAIN:
        first.append("," * (len(classes) - 1))
    yield f"(?:{'|'.join(first)})" if first else _NEVER


def _kept(key: str) -> Json:
    return {"metadata_namespace": NAMESPACE, "key": key, "type": "STRING"}


def _finding(header: str, key: str, pattern: str, substitution: str) -> Json:
    rewrite = {"pattern": {"regex": pattern}, "substitution": substitution}
    return {"header": header, "on_header_present": {**_kept(key), "regex_value_rewrite": rewrite}}


def _group(header: str, key: str, pattern: str) -> Json:
    """The first group of an expression. Where the whole doesn't fit, all groups are empty.

    `\\C` is a byte: a `.` fits none that isn't UTF-8, and what an expression doesn't fit Envoy keeps as it is.
    """
    inner = pattern.removeprefix("^")
    inner = inner.removesuffix("$") if inner.endswith("$") else rf"{inner}\C*"
    return _finding(header, key, rf"^(?:{inner}|\C*)$", r"\1")


def _what_key(what: str) -> str:
    return f"is-{what}"


def _client_key(number: int) -> str:
    return f"client-{number}"


def _outcome_key(letter: Letter, verdict: Verdict) -> str:
    return f"{letter}-{verdict}"


def _condition(key: str, value: Json) -> Json:
    return {"filter": NAMESPACE, "path": [{"key": key}], "value": value}
