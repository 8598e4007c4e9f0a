"""Hostnames that lead to several registries, and logging in to them: every client, by whichever way it logs in."""

import dataclasses
from typing import NamedTuple

import pytest

from tests.e2e.doors import Door, Doors, Plan, Way
from tests.e2e.lab.accounts import ALICE, BOB, Account
from tests.e2e.lab.laboratory import (
    ARTIFACT,
    AUTHS,
    CLIENTS,
    PRIVATE,
    PRIVATE_ARTIFACT,
    PUBLIC,
    TAG,
    Backing,
    Laboratory,
    standing_images,
)
from tests.e2e.lab.registry import Auth

ALL_CLIENTS = (*CLIENTS, "oras")
MISTAKEN = dataclasses.replace(ALICE, password="mistaken")

pytestmark = pytest.mark.xdist_group("pull")


class TwoBearer(NamedTuple):
    """Hostnames with mappings to two Bearer registries of different content: `acme` to one, `team` to the other."""

    first: Backing
    second: Backing
    #: Of the second, bare logins are tried at the first registry.
    plain: Door
    with_login: Door

    def pulls(self, door: Door, name: str) -> list[tuple[str, Backing]]:
        """The references under which this name is at the first and at the second registry."""
        return [
            (f"{door.netloc}/{name}:{TAG}", self.first),
            (f"{door.netloc}/{name.replace('acme/', 'team/')}:{TAG}", self.second),
        ]


@pytest.fixture(scope="module")
def two(lab: Laboratory, doors: Doors) -> TwoBearer:
    first, second = lab.backing("bearer", "redirected"), lab.another_backing("bearer", "redirected")
    for name in (PUBLIC, PRIVATE, ARTIFACT, PRIVATE_ARTIFACT):
        build = standing_images("none")[name]
        second.push(build, name)
    ways = [Way("acme", first.url, "acme"), Way("team", second.url, "acme")]
    plain, with_login = doors.open([Plan(ways), Plan(ways, login=first.url)])
    return TwoBearer(first, second, plain, with_login)


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_one_hostname_leads_to_two_bearer_registries(lab: Laboratory, two: TwoBearer, client: str) -> None:
    name = ARTIFACT if client == "oras" else PUBLIC
    two.plain.forget()
    for reference, backing in two.pulls(two.plain, name):
        lab.client(client).pull(reference).verified(backing.images[name])
        assert two.plain.layers_seen(backing.images[name]) == 0


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_after_a_login_private_images_of_both_are_pulled(lab: Laboratory, two: TwoBearer, client: str) -> None:
    name = PRIVATE_ARTIFACT if client == "oras" else PRIVATE
    for door in (two.plain, two.with_login):
        door.forget()
        for reference, backing in two.pulls(door, name):
            lab.client(client).pull(reference, ALICE).verified(backing.images[name])
            assert door.layers_seen(backing.images[name]) == 0


@pytest.mark.parametrize("client", ALL_CLIENTS)
@pytest.mark.parametrize("account", [None, MISTAKEN, BOB], ids=["nobody", "mistaken", "bob"])
def test_private_images_stay_private(lab: Laboratory, two: TwoBearer, client: str, account: Account | None) -> None:
    name = PRIVATE_ARTIFACT if client == "oras" else PRIVATE
    reference, _ = two.pulls(two.plain, name)[1]
    pull = lab.client(client).pull(reference, account)
    assert not pull.ok, pull.output


def test_a_bare_login_is_tried_at_the_login_registry(lab: Laboratory, two: TwoBearer) -> None:
    docker = lab.docker()
    assert docker.login(two.with_login.netloc, ALICE).ok
    assert not docker.login(two.with_login.netloc, MISTAKEN).ok
    # Without one, the facade can't tell whose the credentials are: it keeps them to itself until a pull says.
    lab.tokens().log.clear()
    assert docker.login(two.plain.netloc, MISTAKEN).ok
    assert lab.tokens().log.all() == []


@pytest.fixture(scope="module")
def mixed(lab: Laboratory, doors: Doors) -> Door:
    """One hostname with a registry of each kind, under `none`, `bearer` and `basic`."""
    (door,) = doors.open([Plan([Way(auth, lab.backing(auth, "redirected").url, "acme") for auth in AUTHS])])
    return door


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_one_hostname_leads_to_registries_of_every_kind(lab: Laboratory, mixed: Door, client: str) -> None:
    for auth in AUTHS:
        backing = lab.backing(auth, "redirected")
        name = ARTIFACT if client == "oras" else PUBLIC
        backing.log.clear()
        reference = f"{mixed.netloc}/{name.replace('acme/', f'{auth}/')}:{TAG}"
        lab.client(client).pull(reference, ALICE).verified(backing.images[name])
        if auth == "none":
            assert [e for e in backing.log.all() if e.header("authorization")] == [], "an open registry got a token"


@pytest.fixture(scope="module")
def never_probed(lab: Laboratory, doors: Doors) -> dict[Auth, Door]:
    """Doors to registries of which the facade knows nothing yet, under the same name."""
    plans = [Plan([Way("acme", lab.backing(auth, "redirected").url, "acme")], probed=False) for auth in AUTHS]
    return dict(zip(AUTHS, doors.open(plans), strict=True))


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_a_registry_that_no_probe_has_reached_works_all_the_same(
    lab: Laboratory, never_probed: dict[Auth, Door], client: str, auth: Auth
) -> None:
    backing, door = lab.backing(auth, "redirected"), never_probed[auth]
    for name in (ARTIFACT, PRIVATE_ARTIFACT) if client == "oras" else (PUBLIC, PRIVATE):
        door.forget()
        pull = lab.client(client).pull(f"{door.netloc}/{name}:{TAG}", backing.account_for(name))
        pull.verified(backing.images[name])
        assert door.layers_seen(backing.images[name]) == 0


@pytest.fixture(scope="module")
def never_probed_inline(lab: Laboratory, doors: Doors) -> Door:
    (door,) = doors.open([Plan([Way("team", lab.backing("none").url, "acme")], probed=False)])
    return door


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_an_open_registry_that_serves_layers_itself_works_before_its_probe(
    lab: Laboratory, never_probed_inline: Door, client: str
) -> None:
    name = ARTIFACT if client == "oras" else PUBLIC
    image = lab.backing("none").images[name]
    never_probed_inline.forget()
    reference = f"{never_probed_inline.netloc}/{name.replace('acme/', 'team/')}:{TAG}"
    lab.client(client).pull(reference).verified(image)
    assert never_probed_inline.layers_seen(image) == 0
