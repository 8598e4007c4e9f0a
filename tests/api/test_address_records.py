"""Where hostnames and claims have to point to, and do, by the API."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tests.api.conftest import ApiClient
from tests.dns.name_server import NameServer, at, txt

NAME = "registry.acme.com"
IPV4, IPV6 = "203.0.113.7", "2001:db8::7"


@pytest.fixture(autouse=True)
def _facade(settings: Settings) -> None:
    settings.FACADE_ADDRESSES = [IPV4, IPV6]


def records(*found: bool | None) -> list[dict[str, object]]:
    kinds = (("A", IPV4), ("AAAA", IPV6))
    return [
        {"name": NAME, "type": kind, "value": value, "found": there}
        for (kind, value), there in zip(kinds, found, strict=True)
    ]


def test_a_program_does_all_that_an_owner_has_to_do(api: ApiClient, name_server: NameServer) -> None:
    """As a program that has an API of the DNS at hand: claim, set both kinds of records, check, done."""
    claimed = api.send("post", "claims", tenant="acme", hostname=NAME).json()
    assert claimed["address_records"] == records(None, None)
    assert (claimed["address_state"], claimed["addresses_found"], claimed["address_checked_at"]) == (
        "not_checked",
        [],
        None,
    )

    for record in claimed["address_records"][:1]:
        name_server.answers(record["name"], at(record["value"]))
    api.send("post", f"claims/{claimed['id']}/check")
    half = api.get(f"claims/{claimed['id']}").json()
    assert (half["address_state"], half["address_records"]) == ("partly", records(True, False))

    name_server.answers(NAME, at(IPV4, IPV6))
    name_server.answers(claimed["record"]["name"], txt(claimed["record"]["value"]))
    made = api.send("post", f"claims/{claimed['id']}/check").json()
    done = api.get(f"hostnames/{made['hostname_id']}").json()
    assert (done["address_state"], done["address_records"]) == ("here", records(True, True))
    assert done["address_finding"] == f"{NAME} points to this facade: {IPV4}, {IPV6}."
    assert done["addresses_found"] == [IPV4, IPV6]


def test_a_check_of_a_hostname_says_what_is_wrong_now(api: ApiClient, name_server: NameServer) -> None:
    pk = api.get("hostnames/by-name", hostname="docker.acme.com").json()["id"]
    name_server.answers("docker.acme.com", at("198.51.100.9"))

    checked = api.send("post", f"hostnames/{pk}/check").json()

    assert checked["address_state"] == "elsewhere"
    (finding,) = [found for found in checked["findings"] if found["subject"] == "DNS"]
    assert finding["mark"] == "bad"
    assert "198.51.100.9" in finding["text"]
