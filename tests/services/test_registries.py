"""The verbs of registries, and which addresses may be one at all."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from routing.models import Registry, Tenant
from routing.registries.addresses import AddressScope
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.hostnames.hostnames import add_hostname
from routing.services.mappings.mappings import add_mapping, repoint
from routing.services.registries.registries import add_registry, remove_registry, update_registry
from routing.services.registries.targets import address_scope, parse_origin, parse_target
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


def add(actor: Actor, target: str, prefix: str = "acme") -> Registry:
    return add_mapping(actor, "", hostname=HOST, prefix=prefix, target=target).mapping.registry


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://ghcr.io", "https://ghcr.io"),
        (" HTTPS://GHCR.io:0443/ ", "https://ghcr.io"),
        ("http://ghcr.io:80", "http://ghcr.io"),
        ("http://ghcr.io:443", "http://ghcr.io:443"),
        ("https://bücher.example:5000", "https://xn--bcher-kva.example:5000"),
        ("https://[2001:DB8::0]:5000", "https://[2001:db8::]:5000"),
        ("https://ghcr.io.", "https://ghcr.io"),
    ],
)
def test_an_origin_has_one_form(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


def test_a_target_without_scheme_is_https() -> None:
    target = parse_target("registry.acme.com:5000/team/x")

    assert target == ("https://registry.acme.com:5000", "registry.acme.com:5000", "team/x")


@pytest.mark.parametrize("setting", [False, True])
def test_http_is_refused_unless_the_deployment_allows_it(platform: Actor, settings: Settings, setting: bool) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = setting

    if setting:
        assert add(platform, "http://registry.acme.com/x").origin == "http://registry.acme.com"
    else:
        with pytest.raises(ServiceError, match="FACADE_ALLOW_INSECURE_REGISTRIES=true"):
            add(platform, "http://registry.acme.com/x")


PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "[::1]", "[fd00::1]", "[::ffff:10.0.0.1]"),
    *(
        "localhost",
        "registry",
        "db.internal",
        "printer.local",
        "a.localhost",
        "127.1",
        "2130706433",
        "0x7f.1",
        "010.1.1.1",
    ),
]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_refused_unless_the_deployment_allows_them(
    platform: Actor, settings: Settings, host: str
) -> None:
    with pytest.raises(ServiceError, match="FACADE_ALLOW_PRIVATE_REGISTRIES=true"):
        add(platform, f"{host}:5000/x")

    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    assert add(platform, f"{host}:5000/x").origin.startswith("https://")


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "169.254.169.254", "224.0.0.1", "[fe80::1]", "[::]", "[::ffff:169.254.1.1]"]
)
def test_addresses_at_which_no_registry_can_be_are_always_refused(
    platform: Actor, settings: Settings, host: str
) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True

    with pytest.raises(ServiceError, match="no registry can be"):
        add(platform, f"{host}:5000/x")


@pytest.mark.parametrize("host", ["ghcr.io", "8.8.8.8", "[2606:4700::1111]", "a1.example", "localhost.example"])
def test_what_is_public_is_allowed(host: str) -> None:
    assert address_scope(host) is AddressScope.PUBLIC


def test_a_setting_that_is_taken_back_stops_new_mappings(platform: Actor, settings: Settings) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    add(platform, "10.0.0.1/x")
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False

    with pytest.raises(ServiceError, match="private"):
        add(platform, "10.0.0.1/x", prefix="more")


@pytest.mark.parametrize("target", [f"{HOST}/x", f"https://{HOST}:5000/x", "DOCKER.acme.com./x"])
def test_no_mapping_leads_to_a_hostname_of_this_facade(platform: Actor, target: str) -> None:
    add(platform, "ghcr.io/acme")

    with pytest.raises(ServiceError, match="round in a circle"):
        add(platform, target, prefix="loop")
    with pytest.raises(ServiceError, match="round in a circle"):
        repoint(platform, "why not", hostname=HOST, prefix="acme", target=target)
    with pytest.raises(ServiceError, match="round in a circle"):
        add_registry(platform, "", name="loop", origin=f"https://{HOST}:5000", tenant_id=None)


def test_nor_does_the_first_mapping_of_a_hostname_lead_to_itself(platform: Actor) -> None:
    with pytest.raises(ServiceError, match="round in a circle"):
        add(platform, f"{HOST}/x")


@pytest.mark.parametrize("name", ["registry.acme.com", "*.acme.com"])
def test_no_hostname_is_where_a_registry_is(platform: Actor, owner: Person, name: str) -> None:

    add(platform, "registry.acme.com:5000/x")

    with pytest.raises(ServiceError, match="a facade there would point to itself"):
        add_hostname(platform, "", tenant_id=owner.tenant.pk, name=name)
    with pytest.raises(ServiceError, match="a facade there would point to itself"):
        add_mapping(platform, "", hostname="ghcr.io", prefix="x", target="quay.io/x")


def test_a_registry_can_be_shared_or_a_tenants_own(platform: Actor, owner: Person) -> None:
    shared = add_registry(platform, "", name="Shared", origin="HTTPS://Registry.Example/", tenant_id=None)
    own = add_registry(platform, "", name="Ours", origin=shared.origin, alias="ours", tenant_id=owner.tenant.pk)

    assert shared.origin == "https://registry.example"
    with pytest.raises(ServiceError, match="shared with everybody already"):
        add_registry(owner.actor, "", name="Again", origin="https://ghcr.io", tenant_id=owner.tenant.pk)
    assert add_mapping(platform, "", hostname=HOST, prefix="a", target="registry.example/a").mapping.registry == own
    assert add_mapping(platform, "", hostname=HOST, prefix="b", target="ours/b").mapping.registry == own


def test_a_registry_in_use_is_not_removed(platform: Actor) -> None:
    registry = add(platform, "registry.acme.com/x")

    with pytest.raises(ServiceError, match="still used by mappings"):
        remove_registry(platform, "", registry_id=registry.pk)
    with pytest.raises(NotFound):
        remove_registry(platform, "", registry_id=0)

    unused = add_registry(platform, "", name="Unused", origin="https://unused.example", tenant_id=None)
    remove_registry(platform, "gone", registry_id=unused.pk)
    assert not Registry.objects.filter(name="Unused").exists()


def test_the_well_known_registries_are_there() -> None:
    known = {registry.authority: registry for registry in Registry.objects.filter(tenant=None)}

    assert known.keys() >= {
        *("docker.io", "ghcr.io", "quay.io", "registry.gitlab.com", "gcr.io", "public.ecr.aws", "mcr.microsoft.com"),
        "us-docker.pkg.dev",
    }
    hub = known["docker.io"]
    assert (hub.origin, hub.implicit_namespace) == ("https://registry-1.docker.io", "library")
    for registry in known.values():
        registry.full_clean()


def test_a_tenants_own_registry_is_not_there_for_another(owner: Person, outsider: Person, platform: Actor) -> None:
    own = add_registry(owner.actor, "", name="Ours", origin="https://r.acme.com", tenant_id=owner.tenant.pk)

    theirs = add_mapping(
        outsider.actor, "", hostname=outsider.hostname.name, prefix="x", target="r.acme.com/x"
    ).mapping.registry

    assert theirs != own
    assert theirs.tenant == outsider.tenant
    with pytest.raises(NotFound):
        remove_registry(outsider.actor, "", registry_id=own.pk)
    with pytest.raises(NotFound):
        update_registry(outsider.actor, "", registry_id=own.pk, name="Theirs")
    with pytest.raises(NotFound):
        add_registry(outsider.actor, "", name="x", origin="https://x.example", tenant_id=owner.tenant.pk)
    with pytest.raises(ServiceError, match="only operators of the platform"):
        add_registry(outsider.actor, "", name="x", origin="https://x.example", tenant_id=None)


def test_an_own_registry_may_be_named_like_anothers_hostname_but_no_mapping_leads_there(
    owner: Person, outsider: Person
) -> None:
    with pytest.raises(ServiceError, match="round in a circle"):
        add_registry(
            outsider.actor, "", name="x", origin=f"https://{owner.hostname.name}", tenant_id=outsider.tenant.pk
        )


def test_the_owner_of_a_registry_in_use_stays(platform: Actor, owner: Person) -> None:
    registry = add(platform, "registry.acme.com/x")
    other = Tenant.objects.create(slug="other", name="Other")

    with pytest.raises(ServiceError, match="owner can't be changed"):
        update_registry(platform, "", registry_id=registry.pk, tenant_id=other.pk)
