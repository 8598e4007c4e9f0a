"""An older table that is served on purpose: what of the newer one holds all the same, and how far apart they are."""

from __future__ import annotations

from typing import Any

import pytest

from routing.core.table.former_target import FormerTarget
from routing.core.table.holding import affected_hosts, restrained
from routing.core.table.mapping_entry import Flag, MappingEntry, decode
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Change, HostEntry, RegistryEntry, Table, TenantEntry

HOSTS = ("a.example", "b.example", "c.example")
ON = Flag.ENABLED


def table() -> Table:
    return Table.build(
        Policy(),
        7,
        tenants=[("1", TenantEntry("Acme"))],
        registries=[("1", RegistryEntry("https://r.example", "r")), ("2", RegistryEntry("https://s.example", "s"))],
        hosts=[(host, HostEntry("1")) for host in HOSTS],
        mappings=[(f"{host}/team", MappingEntry("1", "acme", ON)) for host in HOSTS],
        nonce=9,
    )


def changed(*changes: tuple[str, str, dict[str, Any] | None]) -> Table:
    base = table()
    return base.apply([Change(8 + number, *change, number) for number, change in enumerate(changes)])


def mapping(registry: str = "1", upstream: str = "acme", flags: int = ON, **more: str) -> dict[str, Any]:
    return MappingEntry(registry, upstream, flags, **more)._asdict()


REFUSED = TenantEntry("Acme", refusal="suspended")._asdict()
ELSEWHERE = ("mapping", "a.example/team", mapping("2", "elsewhere"))


@pytest.mark.parametrize("everywhere", [True, False])
def test_what_refuses_is_applied_and_nothing_else(everywhere: bool) -> None:
    changes = [
        ("tenant", "1", REFUSED),
        ("hostname", "a.example", HostEntry("1", refusal="withdrawn")._asdict()),
        ("hostname", "b.example", HostEntry("2", enabled=False)._asdict()),
        ("hostname", "c.example", None),
        ("mapping", "a.example/team", mapping("2", "elsewhere", 0)),
        ("mapping", "b.example/team", mapping("2", "elsewhere")),
        ("mapping", "c.example/team", None),
        ("mapping", "c.example/new", mapping()),
        ("registry", "1", RegistryEntry("https://evil.example", "r")._asdict()),
    ]
    base, newest = table(), changed(*changes)

    served = restrained(base, base, newest, None if everywhere else [change[:2] for change in changes])

    assert served.state == base.state
    assert dict(served.tenants.items()) == {"1": TenantEntry("Acme", "suspended")}
    assert dict(served.hosts.items()) == {
        "a.example": HostEntry("1", refusal="withdrawn"),
        "b.example": HostEntry("1", enabled=False),
        "c.example": HostEntry("1"),
    }
    led = {key: decode("team", packed) for key, packed in served.mappings.items()}
    assert led == {
        "a.example/team": MappingEntry("1", "acme", 0),
        "b.example/team": MappingEntry("1", "acme", ON),
        "c.example/team": MappingEntry("1", "acme", ON),
    }
    assert dict(served.registries.items()) == dict(base.registries.items())


def test_what_is_lifted_meanwhile_is_lifted_and_what_the_base_refused_stays() -> None:
    base = table().apply([Change(8, "hostname", "b.example", HostEntry("1", refusal="old")._asdict(), 1)])
    suspended = base.apply([Change(9, "hostname", "a.example", HostEntry("1", refusal="new")._asdict(), 2)])
    lifted = suspended.apply([Change(10, "hostname", name, HostEntry("1")._asdict(), 3) for name in HOSTS])

    served = restrained(base, base, suspended)
    again = restrained(base, served, lifted)

    assert served.hosts.get("a.example") == HostEntry("1", refusal="new")
    assert again.hosts.get("a.example") == HostEntry("1")
    assert again.hosts.get("b.example") == HostEntry("1", refusal="old")


def test_a_table_that_refuses_nothing_more_is_the_same_object() -> None:
    base = table()

    assert restrained(base, base, changed(ELSEWHERE)) is base


@pytest.mark.parametrize(
    ("change", "hosts"),
    [
        (ELSEWHERE, {"a.example"}),
        (("mapping", "b.example/team", None), {"b.example"}),
        (("hostname", "c.example", None), {"c.example"}),
        (("hostname", "c.example", HostEntry("2")._asdict()), {"c.example"}),
        (("registry", "1", RegistryEntry("https://t.example", "r")._asdict()), set(HOSTS)),
        (("registry", "1", None), set(HOSTS)),
        (("registry", "2", None), set()),
        # What is only refused, or new, or found by a probe, or of a former target.
        (("tenant", "1", REFUSED), set()),
        (("hostname", "a.example", HostEntry("1", enabled=False)._asdict()), set()),
        (("hostname", "d.example", HostEntry("1")._asdict()), set()),
        (("mapping", "a.example/new", mapping()), set()),
        (("mapping", "a.example/team", mapping(flags=0)), set()),
        (("mapping", "a.example/team", mapping(challenge="basic", flags=ON | Flag.PRIVATE)), set()),
        (("mapping", "a.example/team", mapping(former=FormerTarget(1, "2", "x").packed())), set()),
        (("registry", "1", RegistryEntry("https://r.example", "r", auth="bearer")._asdict()), set()),
    ],
)
def test_which_hostnames_are_gone_or_lead_elsewhere(
    change: tuple[str, str, dict[str, Any] | None], hosts: set[str]
) -> None:
    newest = changed(change)

    assert affected_hosts(table(), newest) == hosts
    assert affected_hosts(table(), newest, [change[:2]]) == hosts
    assert affected_hosts(table(), newest, []) == set()


def test_an_account_that_was_taken_away_or_changed_is_not_used_any_more() -> None:
    def with_account(account: str) -> dict[str, Any]:
        return RegistryEntry("https://r.example", "r", account=account)._asdict()

    base = table().apply([Change(8, "registry", "1", with_account("old"), 1)])
    for entry, wanted in ((with_account(""), ""), (with_account("new"), "new"), (None, "")):
        served = restrained(base, base, base.apply([Change(9, "registry", "1", entry, 2)]))

        held = served.registries.get("1")
        assert held is not None
        assert (held.entry.account, held.entry.origin) == (wanted, "https://r.example")
    # One that was given since waits, as everything else does.
    served = restrained(table(), table(), base)
    assert served.registries.get("1") == table().registries.get("1")
