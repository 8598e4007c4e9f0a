"""The contract of request handling, asked of real engines that run an export; and what an export can hold."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from routing.core.decide import Request
from routing.core.grammar.hosts import parse_authority
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, Table, TenantEntry
from routing.publish import patterns
from routing.publish.rules import Rules, rules_of
from tests.core.contract import (
    DOCKER,
    PODMAN,
    REGISTRIES,
    Challenged,
    Outcome,
    PingOk,
    RedirectsTo,
    Refused,
    Row,
    build_table,
)
from tests.core.contract_rows import ROWS
from tests.e2e.export_engines import ENGINES, Engine, Envoy, Said
from tests.e2e.lab.process import wait_until
from tests.publish.reference import answer

#: Tables of the contract, by what a row says of clients and of the name that answers for all.
KINDS = sorted({(row.clients, row.catch_all) for row in ROWS})


@pytest.fixture(params=ENGINES, ids=lambda kind: kind.__name__, scope="module")
def kind(request: pytest.FixtureRequest) -> type[Engine]:
    found: type[Engine] = request.param
    return found


@pytest.fixture(scope="module")
def engine(kind: type[Engine]) -> Iterator[Engine]:
    with kind(rules_of(build_table())) as running:
        yield running


@pytest.mark.parametrize("wanted", KINDS, ids=str)
def test_the_contract(kind: type[Engine], wanted: tuple[tuple[str, ...], str]) -> None:
    rows = [row for row in ROWS if (row.clients, row.catch_all) == wanted and can_be_sent(row.request)]
    rules = rules_of(build_table(*wanted))
    by_whom: Counter[str] = Counter()

    with kind(rules) as running:
        found = [(row, problem(row, rules, running.ask(row.request), by_whom)) for row in rows]

    wrong = [f"{row.title}: {words}" for row, words in found if words]
    assert not wrong, "\n".join(wrong)
    if not any(wanted):
        assert by_whom["engine"] > 280, by_whom


def can_be_sent(request: Request) -> bool:
    """Whether it is one line of a request: the others no parser would read as that."""
    text = f"{request.host}{request.path}{request.query}{request.user_agent}"
    return not any(char in "\r\n\0" for char in text) and " " not in request.path + request.query


def problem(row: Row, rules: Rules, said: Said, by_whom: Counter[str]) -> str:
    """What is wrong with an engine's answer; nothing where it is the contract's, or the app was asked the same."""
    expected = answer(rules, row.request)
    if said.handed_on is not None:
        by_whom["app"] += 1
        if expected is not None and not is_spelt_otherwise(row.request.host):
            return f"was handed to the app, instead of {expected}"
        # What is odd in a request an engine may write otherwise; the app refuses it in either form.
        return wrongly_handed_on(row.request, said.handed_on) if is_plain(row.request) else ""
    if not said.is_of_the_facade:
        by_whom["own words"] += 1
        refused = said.status in (400, 405, 414, 501, 505)
        expects_it = isinstance(row.outcome, Refused) and row.outcome.status in (400, 405)
        right = refused and (expects_it or not is_plain(row.request))
        return "" if right else f"was answered {said.status} in other words"
    by_whom["engine"] += 1
    return differs(row.request, row.outcome, said)


def is_plain(request: Request) -> bool:
    """Whether an engine has nothing to object to in a request."""
    target = f"{request.path}?{request.query}"
    hosts = re.fullmatch(patterns.AUTHORITY, request.host)
    return hosts is not None and re.fullmatch(r"/[!#-\[\]-~]*", target) is not None and request.method.isalpha()


def is_spelt_otherwise(host: str) -> bool:
    """Whether an engine may not know the host by its spelling: in capitals, or an IPv6 address."""
    return host != host.lower() or host.startswith("[")


def wrongly_handed_on(request: Request, seen: list[str]) -> str:
    target = f"{request.path}?{request.query}" if request.query else request.path
    if seen[0].split(" ")[:2] != [request.method, target]:
        return f"the app was asked {seen[0]!r}"
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in seen[1:])}
    if fields.get("host", "") != request.host.strip():
        return f"the app was asked for {fields.get('host')!r}"
    if ("authorization" in fields) != request.authorized:
        return "the app was told otherwise of Authorization"
    return ""


def differs(request: Request, outcome: Outcome, said: Said) -> str:
    """In what an answer differs from what the page of request handling says of it."""
    host, port = parse_authority(request.host)
    headers = said.headers
    if isinstance(outcome, RedirectsTo):
        seen = (said.status, headers.get("location"), headers.get("cache-control"))
        return "" if seen == (307, outcome.location, "no-store") else f"{seen} instead of {outcome.location}"
    if headers.get("x-content-type-options") != "nosniff" or headers["content-type"] != "application/json":
        return f"lacks what keeps browsers from running it: {headers}"
    if isinstance(outcome, PingOk):
        return "" if (said.status, said.body) == (200, b"" if request.method == "HEAD" else b"{}") else f"{said}"
    if isinstance(outcome, Challenged):
        scope = f',scope="{outcome.scope}"' if outcome.scope else ""
        authority = f"{host}:{port}" if port else host
        wanted = f'Bearer realm="http://{authority}/token",service="{host}"{scope}'
        if headers.get("www-authenticate") != wanted:
            return f"challenges {headers.get('www-authenticate')}"
        outcome = Refused(401, "UNAUTHORIZED")
    if not isinstance(outcome, Refused) or said.status != outcome.status:
        return f"was answered {said.status} instead of {outcome}"
    if request.method == "HEAD":
        return "" if not said.body else "HEAD has a body"
    (error,) = said.json()["errors"]
    right = error["code"] == outcome.code and outcome.says in error["message"]
    return "" if right and error["detail"] is None else f"says {error}"


HOSTILE = (
    'it has lapsed"; } location / { return 200 "owned"; } #',
    "$host $request_uri ${x} $1 \\1 %[src] %{+Q}o",
    "{http.request.header.Authorization} {env.PATH} \\{ \\}",
    "'; return 200; # \\",
    "a\nreturn 200;\r\nb\tc\0d",
    "ünïcödé 😀 \u202e\u2028",
    "|a|b|" + "\\" * 7,
)


#: Of what engines give a meaning to, in any order.
PIECES = [*"\"'\\${}%[]();#|<>&\n\t ~^*?:=,", "$host", "${", "%[", "{http.", "}}", "return", "e\u0301", "\U0001f600"]
DRAWN = random.Random(20261127)
TEXTS = (*HOSTILE, *("x" + "".join(DRAWN.choices(PIECES, k=DRAWN.randint(1, 40))) for _ in range(300)))


def hostile_table() -> Table:
    hosts = {f"h{number}.example": HostEntry("acme", refusal=text) for number, text in enumerate(TEXTS)}
    names = ("default", "include", "hostnames", "volatile", "if", "server", "return")
    hosts |= {name: HostEntry("acme") for name in names}
    mappings = {f"{name}/{name}": MappingEntry("ghcr", name, 1) for name in names}
    return Table.build(
        Policy(), 1, {"acme": TenantEntry("Acme")}.items(), REGISTRIES.items(), hosts.items(), mappings.items()
    )


def test_no_text_of_a_tenant_is_anything_but_text(kind: type[Engine]) -> None:
    with kind(rules_of(hostile_table())) as running:
        said = [running.ask(Request("GET", f"h{number}.example", "/v2/")) for number in range(len(TEXTS))]
        found = running.ask(Request("GET", "default", "/v2/default/app/manifests/1", user_agent=DOCKER))

    assert [answer.json()["errors"][0]["message"] for answer in said] == list(TEXTS)
    assert found.headers["location"] == "https://ghcr.io/v2/default/app/manifests/1"


def test_the_app_is_told_whose_request_it_is(engine: Engine) -> None:
    head = (
        b"GET /token HTTP/1.1\r\nHost: docker.acme.com:8443\r\nX-Forwarded-Host: evil.example\r\n"
        b"X-Forwarded-Proto: ftp\r\nConnection: close\r\n\r\n"
    )

    seen = engine.send(head).handed_on

    assert seen is not None
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in seen[1:])}
    assert (fields["host"], fields["x-forwarded-host"]) == ("docker.acme.com:8443", "docker.acme.com:8443")
    assert fields["x-forwarded-proto"] == "http"
    assert fields["x-forwarded-for"] == "127.0.0.1"


def test_a_redirect_may_be_kept_as_long_as_the_operator_says(kind: type[Engine]) -> None:
    with kind(rules_of(build_table()), max_age_seconds=60) as running:
        kept = running.ask(Request("GET", "docker.acme.com", "/v2/acme/web/manifests/1.0", user_agent=DOCKER)).headers

    assert (kept["cache-control"], kept["vary"]) == ("max-age=60", "User-Agent, Authorization")


def test_what_the_engine_knows_it_answers_while_the_app_is_gone(engine: Engine) -> None:
    redirected = engine.ask(Request("GET", "docker.acme.com", "/v2/acme/web/manifests/1.0", user_agent=DOCKER))
    challenged = engine.ask(Request("GET", "docker.acme.com", "/v2/acme/web/manifests/1.0", user_agent=PODMAN))

    assert (redirected.handed_on, challenged.handed_on) == (None, None)
    assert (redirected.status, challenged.status) == (307, 401)


def test_envoy_takes_a_new_table_without_a_restart_and_has_it_after_one() -> None:
    before, after = (
        Table.build(
            Policy(),
            generation,
            {"acme": TenantEntry("Acme")}.items(),
            REGISTRIES.items(),
            {"x.example": HostEntry("acme")}.items(),
            {"x.example/a": MappingEntry("ghcr", upstream, 1 | Flag.REDIRECT_ONLY)}.items(),
        )
        for generation, upstream in ((1, "old"), (2, "new"))
    )
    request = Request("GET", "x.example", "/v2/a/app/manifests/1", user_agent=DOCKER)
    with Envoy(rules_of(before)) as running:
        pid = running.pid
        assert running.ask(request).headers["location"] == "https://ghcr.io/v2/old/app/manifests/1"

        running.replace(rules_of(after))
        new = "https://ghcr.io/v2/new/app/manifests/1"
        wait_until(lambda: running.ask(request).headers["location"] == new, "the new table")
        assert running.pid == pid
        (running.folder / "broken").write_text('{"resources": [')
        (running.folder / "broken").replace(running.folder / "envoy-routes.json")
        wait_until(lambda: "Filesystem config update failure" in running.log(), "a refusal of the broken file")
        assert running.ask(request).headers["location"] == new

        running.replace(rules_of(after))
        running.stop_app()
        running.restart()
        assert running.pid != pid
        assert running.ask(request).headers["location"] == new


def test_as_many_hostnames_as_the_how_to_says(kind: type[Engine]) -> None:
    count = 2_000 if kind is Envoy else 100_000
    hosts = {f"h{number}.example": HostEntry("acme") for number in range(count)}
    mappings = {f"h{number}.example/t{number}": MappingEntry("ghcr", f"t{number}", 1) for number in range(count)}
    table = Table.build(
        Policy(), 1, {"acme": TenantEntry("Acme")}.items(), REGISTRIES.items(), hosts.items(), mappings.items()
    )

    with kind(rules_of(table)) as running:
        for number in (0, 1, count // 2, count - 1):
            path = f"/v2/t{number}/app/manifests/1"
            said = running.ask(Request("GET", f"h{number}.example", path, user_agent=DOCKER))
            assert (said.status, said.headers["location"]) == (307, f"https://ghcr.io{path}")
        assert running.ask(Request("GET", f"h{count}.example", "/v2/")).handed_on is not None
