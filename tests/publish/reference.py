"""What the rules of an export say of a request, worked out in Python with the very expressions that engines get."""

from __future__ import annotations

import re

from routing.core.decide import Request
from routing.core.grammar.hosts import is_wildcard
from routing.publish import patterns
from routing.publish.patterns import RULINGS, Verdict, What
from routing.publish.rules import UNCERTAIN, HostRule, Letter, PrefixRule, Rules
from tests.core.contract import Challenged, Outcome, PingOk, RedirectsTo, Refused

APP = HostRule("", Letter.APP)


def answer(rules: Rules, request: Request) -> Outcome | None:
    """The engine's answer, in the contract's words; None where it asks the app."""
    what, name, tail = target(request)
    authority = re.search(patterns.AUTHORITY, request.host)
    if request.method not in ("GET", "HEAD") or not what or authority is None:
        return None
    host = authority[1].lower()
    served = host_rule(rules, host)
    prefix = prefix_rule(rules, served.name, name)
    rest = name if not prefix.depth else "/".join(name.split("/")[prefix.depth :])
    rest = f"/{rest}" if rest else ""
    letter = prefix.letter if re.search(patterns.fits_least(prefix.least), rest) else Letter.APP
    if what == What.PING or not served.is_served:
        letter = served.letter
    client = client_class(rules, request.user_agent)
    state = f"{what} {letter} {client} {'y' if request.authorized else 'n'}"
    verdict = next((ruling.verdict for ruling in RULINGS if re.search(ruling.pattern, state)), None)
    answers: dict[Verdict | None, Outcome | None] = {
        None: None,
        Verdict.REDIRECT: RedirectsTo(f"{prefix.base}{rest}/{tail}"),
        Verdict.LEAD: RedirectsTo(served.text),
        Verdict.FINE: PingOk(),
        Verdict.CHALLENGE: Challenged(f"repository:{name}:pull"),
        Verdict.CHALLENGE_PING: Challenged(),
        Verdict.SWITCHED_OFF: Refused(403, "DENIED", f"the mapping of {host}{prefix.base} is switched off"),
        Verdict.NOT_MAPPED: Refused(404, "NAME_UNKNOWN", f"{host}/{name} is not mapped to any registry"),
        Verdict.REFUSED: Refused(403, "DENIED", served.text),
        Verdict.NOT_SERVED: Refused(404, "NAME_UNKNOWN", f"{host} is switched off at this registry facade"),
    }
    return answers[verdict]


def target(request: Request) -> tuple[str, str, str]:
    """What it is about, the repository's name, and what is behind it."""
    text = f"{request.path}?{request.query}" if request.query else request.path
    if fits(patterns.PING, text):
        return What.PING, "", ""
    for pattern, what in ((patterns.CONTENT, What.CONTENT), (patterns.LIST, What.LIST)):
        found = fits(pattern, text)
        if found and fits(patterns.SHORT, text):
            return what, found[1], found[2]
    return "", "", ""


def fits(pattern: str, text: str) -> re.Match[str] | None:
    """As engines have it: `$` is the end, and nothing else."""
    return re.search(pattern.replace("$", r"\Z"), text)


def host_rule(rules: Rules, host: str) -> HostRule:
    by_name = {rule.name: rule for rule in rules.hosts}
    found = by_name.get(host)
    below = fits(patterns.BELOW, host)
    if found is None and below is not None:
        found = by_name.get(f"*.{below[1]}")
    return found if found is not None and (found.name == host or is_wildcard(found.name)) else APP


def prefix_rule(rules: Rules, served: str, name: str) -> PrefixRule:
    by_key = {rule.key: rule for rule in rules.prefixes}
    parts = name.split("/")
    for depth in range(len(parts), -1, -1):
        found = by_key.get(f"{served}/{'/'.join(parts[:depth])}")
        if found is not None:
            return found
    return PrefixRule("", Letter.NOT_MAPPED, 0, 0, "")


def client_class(rules: Rules, agent: str) -> str:
    classes = patterns.client_classes(rules.clients)
    return next((found for text, found in classes if fits(f"(?i){text}", agent)), UNCERTAIN)
