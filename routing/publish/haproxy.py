"""The rules as a configuration of HAProxy 2.6 or later, and the maps that it looks names up in.

What tenants write stands in the maps alone: a line each, a key without blanks and the rest of the line as it is, so
that nothing of it can be a directive. A map's name has its contents' digest, so that a configuration that runs goes on
with the maps that it was made with.

Sources: HAProxy's configuration manual, “set-var”, “return”, “map”, “field”, and “Quoting and escaping”.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from routing.publish import patterns
from routing.publish.documents import Export, File, Surroundings, Unquotable
from routing.publish.json_text import error_body, json_text
from routing.publish.patterns import RULINGS, Verdict, What
from routing.publish.remarks import remark_lines
from routing.publish.rules import UNCERTAIN, HostRule, Letter, PrefixRule, Rules

NAME = "haproxy.cfg"
OWN_REMARKS = (
    "an IPv6 address as a host is the app's",
    "of a field that is sent twice the last one counts",
)
#: Of the maps' names; with it and their digest they are known as an export's.
MAP_PREFIX = "registry-facade"
_VERSION = "hdr Docker-Distribution-Api-Version registry/2.0"
_INERT = "hdr X-Content-Type-Options nosniff hdr Content-Security-Policy \"sandbox; default-src 'none'\""
Lines = Iterable[tuple[str, str]]


def haproxy(rules: Rules, around: Surroundings) -> Export:
    """The maps, and the configuration that names them. Raises Unquotable."""
    hosts = _map_file("hosts", ((rule.name, _host_value(rule)) for rule in rules.hosts))
    prefixes = _map_file("prefixes", ((rule.key, _prefix_value(rule)) for rule in rules.prefixes))
    classes = patterns.client_classes(rules.clients)
    clients = _map_file("clients", ((_blankless(f"(?i){pattern}"), found) for pattern, found in classes))
    rulings = _map_file("rulings", ((_blankless(pattern), verdict) for pattern, verdict in RULINGS))
    lines = [
        *(f"# {line}" for line in _remarks(rules)),
        *_GENERAL,
        "",
        "frontend registry-facade",
        *(f"    {line}" for line in (_bind(around), *_about_the_request(clients.name))),
        *(f"    {line}" for line in _about_the_host(rules, hosts.name, prefixes.name)),
        *(f"    {line}" for line in _what_to_do(rulings.name)),
        *(f"    {line}" for line in _answers(around)),
        *(f"    {line}" for line in _handed_on(around)),
        "",
        "backend registry-facade-app",
        f"    server app {around.app}",
        "",
    ]
    return Export((hosts, prefixes, clients, rulings, File(NAME, "\n".join(lines))))


_GENERAL = (
    "global",
    "    # Maps lie beside this file.",
    "    default-path config",
    "    # Fields of 32 KB, and HAProxy's own.",
    "    tune.bufsize 36864",
    "",
    "defaults",
    "    mode http",
    "    timeout connect 5s",
    "    timeout client 75s",
    "    timeout server 75s",
)


def _remarks(rules: Rules) -> Iterator[str]:
    yield f"Written by “facade export_routes”: the routing table of generation {rules.generation}. Don't edit."
    yield from remark_lines(rules.remarks, OWN_REMARKS)


def _map_file(kind: str, lines: Lines) -> File:
    text = "".join(f"{_key(key)} {_line(value)}\n" for key, value in lines)
    return File(f"{MAP_PREFIX}-{kind}-{sha256(text.encode()).hexdigest()[:16]}.map", text)


def _key(text: str) -> str:
    if not text or text.startswith("#") or not all("!" <= char <= "~" for char in text):
        raise Unquotable(f"HAProxy's maps can't have the key {text[:80]!r}: it has other than printable characters")
    return text


def _line(text: str) -> str:
    if not text or text != text.strip() or not all(" " <= char <= "~" for char in text):
        raise Unquotable(f"HAProxy's maps can't have {text[:80]!r}: it has other than printable characters")
    return text


def _blankless(pattern: str) -> str:
    return pattern.replace(" ", r"\x20")


def _host_value(rule: HostRule) -> str:
    text = json_text(rule.text) if rule.letter is Letter.REFUSED else rule.text
    return f"{rule.letter}|{rule.name}|{text}|"


def _prefix_value(rule: PrefixRule) -> str:
    return f"{rule.letter}|{rule.depth}|{rule.least}|{rule.base}|"


def _bind(around: Surroundings) -> str:
    return f"bind {around.listen}{f' ssl crt {around.certificate}' if around.certificate else ''}"


def _set(name: str, sample: str, condition: str = "") -> str:
    return f"http-request set-var(txn.rf_{name}) {sample}{f' if {condition}' if condition else ''}"


def _format(name: str, text: str, condition: str = "") -> str:
    return f"http-request set-var-fmt(txn.rf_{name}) '{text}'{f' if {condition}' if condition else ''}"


def _var(name: str) -> str:
    return f"var(txn.rf_{name})"


def _put(name: str) -> str:
    return f"%[{_var(name)}]"


def _unset(name: str) -> str:
    return f"!{{ {_var(name)} -m found }}"


def _is(sample: str, pattern: str) -> str:
    return f"{{ {sample} -m reg '{pattern}' }}"


def _about_the_request(clients: str) -> Iterator[str]:
    asked = "{ method GET HEAD } " + _is("req.fhdr(host)", patterns.AUTHORITY)
    for pattern, what in ((patterns.CONTENT, What.CONTENT), (patterns.LIST, What.LIST)):
        yield _set("what", f"str({what})", f"{asked} {_is('url', pattern)} {_is('url', patterns.SHORT)}")
    yield _set("what", f"str({What.PING})", f"{asked} {_is('url', patterns.PING)}")
    # All but the last two components, and those two.
    yield _set("name", "path,bytes(4),field(-3,/,0)")
    yield _set("tail", "path,field(-1,/,2)")
    yield _format("tail", f"{_put('tail')}?%[query]", "{ query -m len gt 0 }")
    yield _set("host", "req.fhdr(host),lower,field(1,:)")
    yield _format("port", ":%[req.fhdr(host),field(2,:)]", "{ req.fhdr(host) -m sub : }")
    yield _set("agent", "str()")
    yield _set("agent", "req.fhdr(user-agent)", "{ req.fhdr(user-agent) -m found }")
    yield _set("client", f"{_var('agent')},map_reg({clients},{UNCERTAIN})")
    yield _set("authorized", "str(n)")
    yield _set("authorized", "str(y)", "{ req.fhdr(authorization) -m found }")


def _about_the_host(rules: Rules, hosts: str, prefixes: str) -> Iterator[str]:
    """The longest prefix wins: it is looked for from the most components on."""
    yield _set("host_rule", f"{_var('host')},map_str({hosts})")
    below = f"{_unset('host_rule')} {_is(_var('host'), patterns.BELOW)}"
    yield _format("wildcard", f"*.%[{_var('host')},field(2,.,0)]", below)
    yield _set("host_rule", f"{_var('wildcard')},map_str({hosts})", f"{{ {_var('wildcard')} -m found }}")
    yield _set("host_rule", f"'str({Letter.APP}|||)'", _unset("host_rule"))
    for name, field in (("host_letter", "1,|"), ("served", "2,|"), ("text", "3,|")):
        yield _set(name, f"{_var('host_rule')},field({field})")
    for depth in reversed(rules.depths):
        start = f"%[{_var('name')},field(1,/,{depth})]" if depth else ""
        yield _format("key", f"{_put('served')}/{start}", _unset("prefix"))
        yield _set("prefix", f"{_var('key')},map_str({prefixes})", _unset("prefix"))
    yield _set("prefix", f"'str({Letter.NOT_MAPPED}|0|0||)'", _unset("prefix"))
    for name, field in (("letter", "1,|"), ("depth", "2,|"), ("least", "3,|"), ("base", "4,|")):
        yield _set(name, f"{_var('prefix')},field({field})")
    for depth in rules.depths:
        rest = f"{_var('name')},field({depth + 1},/,0)"
        more = f"{{ {_var('depth')} -m str {depth} }} {{ {rest} -m len gt 0 }}"
        yield _format("rest", f"/%[{rest}]", more)


def _what_to_do(rulings: str) -> Iterator[str]:
    yield _set("asked", f"str({Letter.APP})")
    for least in (0, 1, 2):
        fits = "" if not least else _is(_var("rest"), patterns.fits_least(least))
        yield _set("asked", _var("letter"), f"{{ {_var('least')} -m str {least} }} {fits}".strip())
    whole = f"{{ {_var('host_letter')} -m str {Letter.REFUSED} {Letter.NOT_SERVED} {Letter.APP} }}"
    yield _set("asked", _var("host_letter"), f"{whole} or {{ {_var('what')} -m str {What.PING} }}")
    state = " ".join(map(_put, ("what", "asked", "client", "authorized")))
    yield _format("state", state, f"{{ {_var('what')} -m found }}")
    yield _set("verdict", f"{_var('state')},map_reg({rulings})", f"{{ {_var('state')} -m found }}")


def _answers(around: Surroundings) -> Iterator[str]:
    challenge = f'Bearer realm="{around.scheme}://{_put("host")}{_put("port")}/token",service="{_put("host")}"'
    scope = f'{challenge},scope="repository:{_put("name")}:pull"'
    asked = error_body("UNAUTHORIZED", "authentication required")
    switched_off = f"the mapping of {_put('host')}{_put('base')} is switched off; ask the owner of {_put('host')}"
    nowhere = f"{_put('host')}/{_put('name')} is not mapped to any registry; ask the owner of {_put('host')}"
    away = f"{_put('host')} is switched off at this registry facade"
    yield _redirect(Verdict.REDIRECT, f"{_put('base')}{_put('rest')}/{_put('tail')}", around)
    yield _redirect(Verdict.LEAD, _put("text"), around)
    yield _return(Verdict.FINE, 200, "{}", cache="")
    yield _return(Verdict.CHALLENGE, 401, asked, f"hdr WWW-Authenticate '{scope}'")
    yield _return(Verdict.CHALLENGE_PING, 401, asked, f"hdr WWW-Authenticate '{challenge}'")
    yield _return(Verdict.SWITCHED_OFF, 403, error_body("DENIED", switched_off))
    yield _return(Verdict.NOT_MAPPED, 404, error_body("NAME_UNKNOWN", nowhere))
    yield _return(Verdict.REFUSED, 403, error_body("DENIED", _put("text")))
    yield _return(Verdict.NOT_SERVED, 404, error_body("NAME_UNKNOWN", away))


def _redirect(verdict: Verdict, location: str, around: Surroundings) -> str:
    cache = f"max-age={around.max_age_seconds}" if around.max_age_seconds else "no-store"
    vary = " hdr Vary 'User-Agent, Authorization'" if around.max_age_seconds else ""
    headers = f"hdr Location '{location}' hdr Cache-Control {cache}{vary} {_VERSION}"
    return f"http-request return status 307 {headers} if {{ {_var('verdict')} -m str {verdict} }}"


def _return(verdict: Verdict, status: int, body: str, more: str = "", cache: str = "no-store") -> str:
    headers = " ".join(filter(None, (_VERSION, _INERT, more, f"hdr Cache-Control {cache}" if cache else "")))
    answer = f"status {status} content-type application/json lf-string '{body}' {headers}"
    return f"http-request return {answer} if {{ {_var('verdict')} -m str {verdict} }}"


def _handed_on(around: Surroundings) -> Iterator[str]:
    yield f"http-request set-header X-Forwarded-Proto {around.scheme}"
    yield "http-request set-header X-Forwarded-Host %[req.hdr(host)]"
    yield "http-request set-header X-Forwarded-For %[src]"
    yield "default_backend registry-facade-app"
