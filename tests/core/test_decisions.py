"""What a client is told of a layer that it can't be sent to: where to pull instead, whom to ask, who may have it."""

from __future__ import annotations

from routing.core.decide import Request, decide
from routing.core.decisions import LocateBlob, inline_refusal
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import Auth, HostEntry, RegistryEntry, Table, TenantEntry

HOST = "docker.acme.com"
BLOB = f"/v2/acme/app/blobs/sha256:{'0' * 64}"


def located(flags: int = Flag.PRIVATE) -> LocateBlob:
    table = Table.build(
        Policy(),
        1,
        [("1", TenantEntry("Acme"))],
        [("1", RegistryEntry("https://one.example:5000", "one", auth=Auth.BEARER))],
        [(HOST, HostEntry("1"))],
        [(f"{HOST}/acme", MappingEntry("1", "team", Flag.ENABLED | flags))],
    )
    decision = decide(table, Request("GET", HOST, BLOB, "", "podman/5", authorized=True))
    assert isinstance(decision, LocateBlob)
    return decision


def test_the_operator_of_the_address_can_switch_on_streaming() -> None:
    refusal = inline_refusal(located())

    assert (refusal.status, refusal.code) == (403, "DENIED")
    assert refusal.message == (
        "one serves layers itself, and this client takes no token there when it is redirected. "
        f"{located().able} can; with this client pull from one.example:5000/team/app, "
        "or ask the operator of this address to switch on streaming for this registry"
    )


def test_once_the_month_is_used_up_the_operators_of_the_facade_can_give_more() -> None:
    refusal = inline_refusal(located(), quota_exhausted=True)

    assert (refusal.status, refusal.code) == (403, "DENIED")
    assert refusal.message == (
        "one serves layers itself, and what may pass through this facade for this address in a month is used up "
        f"until the next one begins (UTC). {located().able} still can; "
        "with this client pull from one.example:5000/team/app, or ask the operators of this facade for more"
    )


def test_whether_its_mapping_says_that_its_images_are_private_is_told() -> None:
    assert [located(flags).is_private for flags in (0, Flag.PRIVATE)] == [False, True]
