"""Credentials pass through the facade and stay nowhere: not in its log, tables, files, metrics or errors."""

import base64
import dataclasses
import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from routing.dataplane.upstream.credentials import bare
from tests.e2e import wire
from tests.e2e.address_book import Address, AddressBook, AddressSpec, MappingSpec
from tests.e2e.facade import Facade
from tests.e2e.lab.accounts import ALICE
from tests.e2e.lab.laboratory import ARTIFACT, CLIENTS, PRIVATE, PRIVATE_ARTIFACT, PUBLIC, TAG, Laboratory
from tests.e2e.lab.registry import Auth

AUTHS: tuple[Auth, ...] = ("bearer", "basic")
MISTAKEN = dataclasses.replace(ALICE, password="mistaken-s3cret-Zk9")


class Traffic(NamedTuple):
    """A facade through which credentials went, and what passed its addresses."""

    facade: Facade
    passed: list[wire.Passed]


@pytest.fixture(scope="module")
def traffic(lab: Laboratory) -> Iterator[Traffic]:
    """Logins, pulls and failures, before a facade that logs as much as it can."""
    logs = "--access-logfile - --log-level debug"
    with (
        Facade(FACADE_PROBE_ON_SAVE="false", LOG_LEVEL="DEBUG", GUNICORN_CMD_ARGS=logs) as facade,
        AddressBook(facade) as address_book,
    ):
        specs = [AddressSpec((MappingSpec("team", lab.backing(auth, "redirected").url, "acme"),)) for auth in AUTHS]
        specs += [AddressSpec((MappingSpec("team", lab.backing(auth).url, "acme"),), streams=True) for auth in AUTHS]
        opened = address_book.open(specs)
        for address in opened[:2]:
            for client in (*CLIENTS, "oras"):
                name = PRIVATE_ARTIFACT if client == "oras" else PRIVATE
                reference = f"{address.netloc}/{name.replace('acme/', 'team/')}:{TAG}"
                assert lab.client(client).pull(reference, ALICE).ok
                if client in ("docker", "containerd", "podman", "skopeo"):
                    assert not lab.client(client).pull(reference, MISTAKEN).ok
        for address in opened[2:]:
            for client, name in (("podman", PUBLIC), ("docker", PUBLIC), ("oras", ARTIFACT)):
                reference = f"{address.netloc}/{name.replace('acme/', 'team/')}:{TAG}"
                lab.client(client).pull(reference, ALICE)
        for address in opened:
            _go_wrong(facade, address)
        yield Traffic(facade, [exchange for address in opened for exchange in address.passed()])


def _go_wrong(facade: Facade, address: Address) -> None:
    """Requests with credentials that end in errors, by way of the facade's own words."""
    basic = {"Authorization": ALICE.basic}
    form = f"grant_type=password&username={ALICE.name}&password={ALICE.password}&scope=nonsense".encode()
    for method, target, headers, body in (
        ("GET", "/token?scope=nonsense", basic, b""),
        ("GET", "/v2/nowhere/x/manifests/1.0", basic, b""),
        ("POST", "/token", {"Content-Type": "application/x-www-form-urlencoded"}, form),
        ("POST", "/token", {"Content-Type": "application/x-www-form-urlencoded"}, form * 4000),
        ("GET", "/v2/team/app/manifests/missing", basic, b""),
        ("GET", "/v2/team/app/manifests/missing", {"Authorization": f"Bearer {ALICE.password}"}, b""),
        ("PUT", "/v2/team/app/manifests/1.0", basic, b"{}"),
        ("GET", "/nothing/here", basic, b""),
    ):
        answer = facade.request(method, target, host=address.netloc, headers=headers, body=body)
        assert 400 <= answer.status < 500
        assert ALICE.password.encode() not in answer.body


def secrets_of(traffic: Traffic) -> set[str]:
    """Passwords in every form in which they travelled, every token, and every signature of a Location."""
    found = set()
    for account in (ALICE, MISTAKEN):
        found |= {account.password, account.basic.removeprefix("Basic ")}
        found.add(base64.b64encode(account.password.encode()).decode().rstrip("="))
    for exchange in traffic.passed:
        scheme, _, given = exchange.request_headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found |= {given, bare(given)}
        if exchange.path == "/token" and exchange.status == 200 and exchange.body:
            document = json.loads(exchange.body)
            tokens = {document[key] for key in ("token", "access_token", "refresh_token") if document.get(key)}
            found |= tokens | {bare(token) for token in tokens}
        _, signed, signature = exchange.headers.get("location", "").partition("X-Signature=")
        if signed:
            found.add(signature)
    return found


def test_they_are_in_nothing_that_stays_or_is_shown(traffic: Traffic) -> None:
    secrets = secrets_of(traffic)
    kinds = {"eyJ": "a registry's token", "rfb1.": "the same as it is handed out", "rfs1.": "a sealed token"}
    assert {name for start, name in kinds.items() if any(secret.startswith(start) for secret in secrets)} == set(
        kinds.values()
    )
    assert len(secrets) > 20
    places = {
        "log": traffic.facade.log(),
        "tables": traffic.facade.seed("dump"),
        "metrics": traffic.facade.request("GET", "/metrics").body.decode(),
        "errors": "".join(f"{e.headers} {e.body!r}" for e in traffic.passed if e.status >= 400),
    }
    for path in (traffic.facade.directory / "state").rglob("*"):
        if path.is_file():
            places[path.name] = path.read_bytes().decode("latin-1")
    assert "GET /token?" in places["log"], "the access log is on"
    assert "routing_mapping" in places["tables"]
    leaks = {place: [secret for secret in secrets if secret in text] for place, text in places.items()}
    assert {place: found for place, found in leaks.items() if found} == {}
