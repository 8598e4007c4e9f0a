"""Mappings that are published: whoever asks is served with the mapping's account, and asked for nothing (R21)."""

from __future__ import annotations

import pytest

from routing.core.client_support import Findings, Verdict, client_support
from routing.core.decide import Request, decide
from routing.core.decisions import Challenge, LocateBlob, PingOk, Redirect, Refuse, Relay, inline_refusal
from routing.core.grammar.user_agents import Needed
from routing.core.table.former_target import FormerTarget
from routing.core.table.holding import restrained
from routing.core.table.mapping_entry import Flag, MappingEntry, decode, encode
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Auth, Change, HostEntry, RegistryEntry, Strategy, Table, TenantEntry

HOST, NAME, BLOB = "docker.acme.com", "open/app", f"blobs/sha256:{'0' * 64}"
ON = Flag.ENABLED
PUBLISHED = MappingEntry("1", "acme", ON | Flag.PRIVATE | Flag.PUBLISH, account="sealed")
PRIVATE = RegistryEntry("https://r.example", "r", auth=Auth.BEARER, realm="https://r.example/t", account="its own")
AGENTS = ("docker/24.0.7", "containerd/2.1.0", "skopeo/1.9.3", "")


def table(registry: RegistryEntry = PRIVATE, **others: MappingEntry) -> Table:
    mappings = {"open": PUBLISHED} | others
    return Table.build(
        Policy(),
        1,
        tenants=[("1", TenantEntry("Acme"))],
        registries=[("1", registry), ("2", RegistryEntry("https://s.example", "s", auth=Auth.BEARER))],
        hosts=[(HOST, HostEntry("1"))],
        mappings=[(f"{HOST}/{prefix}", entry) for prefix, entry in mappings.items()],
    )


def asked(tail: str, at: Table, agent: str = "", *, name: str = NAME, token: bool = False) -> object:
    return decide(at, Request("GET", HOST, f"/v2/{name}/{tail}", user_agent=agent, authorized=token))


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("token", [True, False])
def test_whoever_asks_is_relayed_with_the_mappings_account(agent: str, token: bool) -> None:
    for tail in ("manifests/1.0", "tags/list", f"referrers/sha256:{'0' * 64}"):
        decision = asked(tail, table(), agent, token=token)
        assert isinstance(decision, Relay)
        assert decision.url == f"https://r.example/v2/acme/app/{tail}"
        assert (decision.strategy, decision.is_private) == (Strategy.PUBLISH, False)
        assert (decision.publishes, decision.registry.account) == (f"{HOST}/open", "sealed")
    blob = asked(BLOB, table(), agent, token=token)
    assert isinstance(blob, LocateBlob)
    assert (blob.publishes, blob.registry.account, blob.reauthorises) == (f"{HOST}/open", "sealed", False)


def test_others_have_the_registrys_account_and_no_key() -> None:
    at = table(shut=PUBLISHED._replace(flags=ON | Flag.PRIVATE, account=""))
    decision = asked("manifests/1.0", at, name="shut/app", token=True)

    assert isinstance(decision, Relay)
    assert (decision.publishes, decision.registry.account, decision.is_private) == ("", "its own", True)


def test_delivery_and_what_the_registry_asks_for_make_no_difference() -> None:
    for auth in Auth:
        only = PUBLISHED._replace(flags=PUBLISHED.flags | Flag.REDIRECT_ONLY)
        at = table(PRIVATE._replace(auth=auth), open=only)
        assert isinstance(asked("manifests/1.0", at), Relay)
        assert isinstance(asked(BLOB, at), LocateBlob)


def test_at_an_open_registry_its_repositories_say_what_they_ask_for() -> None:
    entry = PUBLISHED._replace(challenge="bearer https://r.example/realm r.example")
    decision = asked("manifests/1.0", table(PRIVATE._replace(auth=Auth.NONE), open=entry))

    assert isinstance(decision, Relay)
    assert (decision.registry.auth, decision.registry.realm) == (Auth.BEARER, "https://r.example/realm")


def test_without_its_account_it_is_refused_and_not_served_by_another() -> None:
    for tail in ("manifests/1.0", BLOB):
        decision = asked(tail, table(open=PUBLISHED._replace(account="")))
        assert isinstance(decision, Refuse)
        assert (decision.status, "publish it anew" in decision.message) == (503, True)


def test_without_its_account_nor_is_its_former_target_asked() -> None:
    former = FormerTarget(2**33, "2", "acme").packed()
    entry = PUBLISHED._replace(account="", former=former)

    assert isinstance(asked(BLOB, table(open=entry)), Refuse)


def test_a_former_target_is_not_asked_with_the_account() -> None:
    former = FormerTarget(2**33, "1", "acme-old").packed()
    decision = asked(BLOB, table(open=PUBLISHED._replace(former=former)))

    assert isinstance(decision, LocateBlob)
    assert decision.former is not None
    assert decision.former.registry.account == "its own"
    assert not isinstance(decision.former.decision, Redirect)
    assert decision.former.decision.publishes == ""


@pytest.mark.parametrize("agent", AGENTS)
def test_a_ping_asks_for_nothing_where_nothing_else_does(agent: str) -> None:
    free = MappingEntry("2", "free", int(ON))
    at = table(free=free).apply(
        [Change(2, "registry", "2", RegistryEntry("https://s.example", "s", auth="none")._asdict())]
    )

    assert decide(at, Request("GET", HOST, "/v2/", user_agent=agent)) == PingOk()


@pytest.mark.parametrize("agent", AGENTS)
def test_beside_what_asks_for_something_a_ping_is_challenged_and_never_led_on(agent: str) -> None:
    for flags in (ON, ON | Flag.REDIRECT_ONLY):
        at = table(other=MappingEntry("2", "other", int(flags)))
        assert isinstance(decide(at, Request("GET", HOST, "/v2/", user_agent=agent)), Challenge)


def test_who_can_be_sent_on_beside_it_is_told_by_that() -> None:
    other = MappingEntry("2", "other", int(ON))
    alone = Table.build(
        Policy(),
        1,
        tenants=[("1", TenantEntry("Acme"))],
        registries=[("2", RegistryEntry("https://s.example", "s", auth=Auth.BEARER))],
        hosts=[(HOST, HostEntry("1"))],
        mappings=[(f"{HOST}/other", other)],
    )
    able = [asked(BLOB, at, name="other/x", token=True) for at in (alone, table(other=other))]

    first, second = (each.able for each in able if isinstance(each, LocateBlob))
    assert "docker" in first
    assert first != second


def test_layers_of_the_registrys_own_are_refused_in_words_for_the_owner() -> None:
    blob = asked(BLOB, table())
    assert isinstance(blob, LocateBlob)

    for exhausted in (False, True):
        refusal = inline_refusal(blob, quota_exhausted=exhausted)
        assert (refusal.status, f"ask the owner of {HOST}" in refusal.message) == (403, True)
        assert "docker login" not in refusal.message


@pytest.mark.parametrize(
    ("inline", "streams", "verdict", "blob"),
    [
        (None, False, Verdict.UNKNOWN, "resolved"),
        (None, True, Verdict.WORKS, "resolved"),
        (False, False, Verdict.WORKS, "resolved"),
        (True, True, Verdict.WORKS, "streamed"),
        (True, False, Verdict.FAILS, "refused"),
    ],
)
def test_what_clients_meet(inline: bool | None, streams: bool, verdict: Verdict, blob: str) -> None:
    at = table(PRIVATE._replace(stream_blobs=streams))

    for each in client_support(at, HOST, NAME, "1.0", Findings(inline_blobs=inline)):
        assert each.verdict is verdict, each
        assert {step.endpoint: step.outcome for step in each.steps}["blob"] == blob


def test_it_is_one_string_in_the_table() -> None:
    for entry in (
        PUBLISHED,
        PUBLISHED._replace(account=""),
        PUBLISHED._replace(notice="a notice", challenge="basic", former="0 1 2 3 4"),
        PUBLISHED._replace(flags=127 & ~32),
    ):
        assert decode("open", encode("open", entry)) == entry


def test_it_needs_nothing_of_clients_that_push() -> None:
    match = table(open=PUBLISHED._replace(flags=PUBLISHED.flags | Flag.ALLOW_PUSH)).match_repository(HOST, NAME)

    assert match is not None
    assert match.needed is Needed.CREDENTIALS


@pytest.mark.parametrize(
    ("now", "account"),
    [(PUBLISHED._replace(account="another"), ""), (PUBLISHED._replace(notice="n"), "sealed"), (None, "")],
)
def test_a_held_table_publishes_nothing_that_is_not_published_now(now: MappingEntry | None, account: str) -> None:
    base = table()
    newest = base.apply([Change(2, "mapping", f"{HOST}/open", None if now is None else now._asdict())])

    served = restrained(base, base, newest)

    packed = served.mappings.get(f"{HOST}/open")
    assert packed is not None
    assert decode("open", packed) == PUBLISHED._replace(account=account)
