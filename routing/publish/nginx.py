"""The rules as a whole configuration of nginx: maps, which it looks names up in by hash, and one server.

Sources: nginx's documentation of ngx_http_map_module, ngx_http_rewrite_module and ngx_http_headers_module; the quoting
is that of `ngx_conf_read_token`. `return` takes no status from a variable: hence one `if` for each.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from routing.core.grammar.hosts import is_wildcard
from routing.publish import patterns
from routing.publish.documents import Export, File, Surroundings, Unquotable
from routing.publish.json_text import error_body, json_text
from routing.publish.patterns import RULINGS, Verdict, What
from routing.publish.remarks import remark_lines
from routing.publish.rules import STAYS, UNCERTAIN, HostRule, Letter, PrefixRule, Rules

NAME = "nginx.conf"
OWN_REMARKS = (
    "an empty Authorization field counts as none",
    "a redirect has a short HTML body (R7.3 has none)",
    "a User-Agent field that is sent twice is read as one",
)
#: A word of the configuration has fewer characters (NGX_CONF_BUFFER).
_MAX_WORD = 4000
_BUCKET_BYTES = 1024
#: nginx tries sizes one after the other, but for tables for which it may take some hundreds of places more at once.
_MIN_PLACES = 20_000
_PRINTABLE = re.compile(r"[ -~]*")
_REDIRECTS = f"{Verdict.REDIRECT}|{Verdict.LEAD}"


def nginx(rules: Rules, around: Surroundings) -> Export:
    """One file. Raises Unquotable."""
    text = "\n".join([*_head(rules), "", *_http(rules, around), ""])
    return Export((File(NAME, text),))


def quoted(text: str) -> str:
    """A word that nginx reads as the text, which holds no variable. Raises Unquotable."""
    if "$" in text:
        raise Unquotable(f"nginx would read a variable in {text[:80]!r}")
    return _word(text)


def _word(text: str) -> str:
    if _PRINTABLE.fullmatch(text) is None or len(text) > _MAX_WORD:
        raise Unquotable(f"nginx can't be told {text[:80]!r}: it is too long, or has other than printable characters")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _head(rules: Rules) -> Iterator[str]:
    yield f"# Written by “facade export_routes”: the routing table of generation {rules.generation}. Don't edit."
    for line in remark_lines(rules.remarks, OWN_REMARKS):
        yield f"# {line}"


def _http(rules: Rules, around: Surroundings) -> Iterator[str]:
    places = max(_MIN_PLACES, 2 * max(len(rules.hosts), len(rules.prefixes)))
    yield "error_log stderr notice;"
    yield "events { worker_connections 4096; }"
    yield "http {"
    yield "    access_log off;"
    yield "    server_tokens off;"
    yield f"    map_hash_bucket_size {_BUCKET_BYTES};"
    yield f"    map_hash_max_size {places};"
    yield "    variables_hash_max_size 4096;"
    yield "    variables_hash_bucket_size 128;"
    for line in (*_host_maps(rules.hosts), *_target_maps(), *_prefix_maps(rules), *_ruling_maps(rules)):
        yield f"    {line}"
    for line in (*_answer_maps(around), *_server(around)):
        yield f"    {line}"
    yield "}"


def _map(source: str, variable: str, default: str, lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f'map "{source}" ${variable} {{'
    yield f"    default {default};"
    for key, value in lines:
        yield f"    {key} {value};"
    yield "}"


def _pattern(pattern: str, flags: str = "~") -> str:
    return _word(flags + pattern)


def _captured(source: str, variable: str, pattern: str, group: int, default: str = '""') -> Iterator[str]:
    """A map to one group of a pattern."""
    return _map(source, variable, default, [_group(pattern, group, f"{variable}_found")])


def _group(pattern: str, group: int, name: str) -> tuple[str, str]:
    """A line that gives one group of a pattern. Groups have to have names here, each of a variable of its own."""
    opened = [
        at
        for at, character in enumerate(pattern)
        if character == "(" and pattern[at - 1 : at] != "\\" and pattern[at + 1 : at + 2] != "?"
    ][group - 1]
    return _pattern(f"{pattern[: opened + 1]}?<{name}>{pattern[opened + 1 :]}"), f"${name}"


def _host_maps(hosts: Sequence[HostRule]) -> Iterator[str]:
    """Hosts by their letter, stored name and text, with bars between: no name holds one."""
    own = ((quoted(f"@{rule.name}"), _host_value(rule)) for rule in hosts if not is_wildcard(rule.name))
    below = ((quoted(f"@{rule.name[2:]}"), _host_value(rule)) for rule in hosts if is_wildcard(rule.name))
    yield from _captured("$http_host", "rf_port", patterns.AUTHORITY, 2, '"-"')
    yield from _captured("$host", "rf_parent", patterns.BELOW, 1)
    yield from _map("@$rf_parent", "rf_below", f'"{Letter.APP}||"', below)
    yield from _map("@$host", "rf_host", "$rf_below", own)
    yield from _captured("$rf_host", "rf_host_letter", r"^(.)[|]", 1)
    yield from _captured("$rf_host", "rf_served", r"^.[|]([^|]*)[|]", 1)
    yield from _captured("$rf_host", "rf_text", r"^.[|][^|]*[|](.*)$", 1)


def _host_value(rule: HostRule) -> str:
    text = json_text(rule.text) if rule.letter is Letter.REFUSED else rule.text
    return quoted(f"{rule.letter}|{rule.name}|{text}")


def _target_maps() -> Iterator[str]:
    """What a target is about, its repository's name and the rest of it; nothing where the app has to look."""
    plain = [(_pattern(patterns.CONTENT), What.CONTENT), (_pattern(patterns.LIST), What.LIST)]
    yield from _map("$request_uri", "rf_read", '""', plain)
    yield from _map("$request_uri", "rf_short_read", '""', [(_pattern(patterns.SHORT), "$rf_read")])
    yield from _map("$request_uri", "rf_target", "$rf_short_read", [(_pattern(patterns.PING), What.PING)])
    yield from _map("$request_method$rf_port", "rf_what", '""', [(_pattern("^(?:GET|HEAD)(?:$|:)"), "$rf_target")])
    for variable, group in (("rf_name", 1), ("rf_tail", 2)):
        of_content = _group(patterns.CONTENT, group, f"{variable}_of_content")
        of_list = _group(patterns.LIST, group, f"{variable}_of_list")
        yield from _map("$request_uri", variable, '"-"', [of_content, of_list])


def _prefix_maps(rules: Rules) -> Iterator[str]:
    """The longest prefix wins: each map looks for one with its number of components, or leaves it to the next."""
    by_depth: dict[int, list[PrefixRule]] = {}
    for rule in rules.prefixes:
        by_depth.setdefault(rule.depth, []).append(rule)
    known = f'"{Letter.NOT_MAPPED}|0|0|"'
    rests = []
    for depth in sorted(by_depth):
        start, rest = f"$rf_start_{depth}", f"rf_rest_{depth}"
        # With no prefix all of the name is left, behind a slash.
        begins = rf"{_components(depth)}(?<{rest}>.*)$" if depth else rf"(?<{rest}>.*)$"
        rests.append((_pattern(f"^{depth}[|]{begins}"), f"${rest}" if depth else f'"/${rest}"'))
        if depth:
            yield from _captured("$rf_name", start[1:], rf"^({_components(depth)})(?:/|$)", 1, '"-"')
        key = f"$rf_served/{start}" if depth else "$rf_served/"
        yield from _map(key, f"rf_prefix_{depth}", known, map(_prefix_line, by_depth[depth]))
        known = f"$rf_prefix_{depth}"
    yield from _map(known if known.startswith("$") else "-", "rf_prefix", known, [])
    for variable, field in (("rf_letter", 0), ("rf_depth", 1), ("rf_least", 2)):
        yield from _captured("$rf_prefix", variable, rf"^(?:[^|]*[|]){{{field}}}([^|]*)[|]", 1)
    yield from _captured("$rf_prefix", "rf_base", r"^(?:[^|]*[|]){3}(.*)$", 1)
    yield from _map("$rf_depth|$rf_name", "rf_rest", '""', rests)
    fits = [(_pattern(f"^{least}[|]{patterns.fits_least(least)[1:]}"), "$rf_letter") for least in (0, 1, 2)]
    yield from _map("$rf_least|$rf_rest", "rf_fitting", str(Letter.APP), fits)


def _components(depth: int) -> str:
    """An expression for so many components; what is behind them begins with a slash, or is nothing."""
    return rf"[^/]+(?:/[^/]+){{{depth - 1}}}"


def _prefix_line(rule: PrefixRule) -> tuple[str, str]:
    return quoted(rule.key), quoted(f"{rule.letter}|{rule.depth}|{rule.least}|{rule.base}")


def _ruling_maps(rules: Rules) -> Iterator[str]:
    classes = patterns.client_classes(rules.clients)
    # Of an empty text no expression is asked.
    named = [('""', STAYS), *((_pattern(text, "~*"), found) for text, found in classes)]
    yield from _map("$http_user_agent", "rf_client", UNCERTAIN, named)
    yield from _map("$http_authorization", "rf_authorized", "y", [('""', "n")])
    whole = [(_pattern(f"^(?:{letter})$"), "$rf_host_letter") for letter in (f"{Letter.REFUSED}|{Letter.NOT_SERVED}",)]
    mine = [*whole, (_pattern(f"^{Letter.APP}$"), str(Letter.APP))]
    yield from _map("$rf_host_letter", "rf_read_letter", "$rf_fitting", mine)
    yield from _map("$rf_what", "rf_asked_letter", "$rf_read_letter", [(str(What.PING), "$rf_host_letter")])
    rulings = [(_pattern(pattern), verdict) for pattern, verdict in RULINGS]
    yield from _map("$rf_what $rf_asked_letter $rf_client $rf_authorized", "rf_verdict", '""', rulings)


def _answer_maps(around: Surroundings) -> Iterator[str]:
    scope = f'Bearer realm="{around.scheme}://$host$rf_port/token",service="$host"'
    challenges = [
        (Verdict.CHALLENGE, _word(f'{scope},scope="repository:$rf_name:pull"')),
        (Verdict.CHALLENGE_PING, _word(scope)),
    ]
    yield from _map("$rf_verdict", "rf_challenge", '""', challenges)
    cache = f"max-age={around.max_age_seconds}" if around.max_age_seconds else "no-store"
    kept = [('""', '""'), (Verdict.FINE, '""'), (_pattern(f"^(?:{_REDIRECTS})$"), _word(cache))]
    yield from _map("$rf_verdict", "rf_cache", '"no-store"', kept)
    vary = '"User-Agent, Authorization"' if around.max_age_seconds else '""'
    yield from _map("$rf_verdict", "rf_vary", '""', [(_pattern(f"^(?:{_REDIRECTS})$"), vary)])
    yield from _map("$rf_verdict", "rf_version", '"registry/2.0"', [('""', '""')])
    inert = [('""', '""'), (_pattern(f"^(?:{_REDIRECTS})$"), '""')]
    yield from _map("$rf_verdict", "rf_nosniff", '"nosniff"', inert)
    yield from _map("$rf_verdict", "rf_policy", "\"sandbox; default-src 'none'\"", inert)


def _server(around: Surroundings) -> Iterator[str]:
    listen = around.listen.removeprefix(":")
    yield "server {"
    yield f"    listen {listen}{' ssl' if around.certificate else ''};"
    if around.certificate:
        yield f"    ssl_certificate {around.certificate};"
        yield f"    ssl_certificate_key {around.key or around.certificate};"
    yield "    client_max_body_size 0;"
    yield "    large_client_header_buffers 4 32k;"
    yield "    location / {"
    yield "        default_type application/json;"
    for name, variable in (
        ("Docker-Distribution-Api-Version", "rf_version"),
        ("WWW-Authenticate", "rf_challenge"),
        ("Cache-Control", "rf_cache"),
        ("Vary", "rf_vary"),
        ("X-Content-Type-Options", "rf_nosniff"),
        ("Content-Security-Policy", "rf_policy"),
    ):
        yield f"        add_header {name} ${variable} always;"
    for verdict, returned in _returns().items():
        yield f"        if ($rf_verdict = {verdict}) {{ return {returned}; }}"
    yield f"        proxy_pass http://{around.app};"
    yield from (f"        {line}" for line in _PROXIED)
    yield f"        proxy_set_header X-Forwarded-Proto {around.scheme};"
    yield "    }"
    yield "}"


#: As docs/how-to/proxies.md has it, and why.
_PROXIED = (
    "proxy_buffer_size 32k;",
    "proxy_buffers 8 32k;",
    "proxy_http_version 1.1;",
    'proxy_set_header Connection "";',
    "proxy_set_header Host $http_host;",
    "proxy_set_header X-Forwarded-Host $http_host;",
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
)


def _returns() -> dict[Verdict, str]:
    asked = error_body("UNAUTHORIZED", "authentication required")
    switched_off = "the mapping of $host$rf_base is switched off; ask the owner of $host"
    nowhere = "$host/$rf_name is not mapped to any registry; ask the owner of $host"
    return {
        Verdict.REDIRECT: "307 $rf_base$rf_rest/$rf_tail",
        Verdict.LEAD: "307 $rf_text",
        Verdict.FINE: '200 "{}"',
        Verdict.CHALLENGE: f"401 {_word(asked)}",
        Verdict.CHALLENGE_PING: f"401 {_word(asked)}",
        Verdict.SWITCHED_OFF: f"403 {_word(error_body('DENIED', switched_off))}",
        Verdict.NOT_MAPPED: f"404 {_word(error_body('NAME_UNKNOWN', nowhere))}",
        Verdict.REFUSED: f"403 {_word(error_body('DENIED', '$rf_text'))}",
        Verdict.NOT_SERVED: f"404 {_word(error_body('NAME_UNKNOWN', '$host is switched off at this registry facade'))}",
    }
