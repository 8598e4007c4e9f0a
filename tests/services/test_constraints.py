"""What the database itself refuses, when something writes behind the verbs' back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction

from routing.models import Generation, Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def refused(write: Callable[[], Any], constraint: str) -> None:
    """The write fails, and for that reason."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()

    assert constraint in str(caught.value).lower()


def make(model: type[models.Model], **fields: Any) -> Callable[[], Any]:
    return lambda: model._default_manager.bulk_create([model(**fields)])


@pytest.fixture
def mapping(owner: Person, platform: Actor) -> Mapping:
    return add_mapping(platform, "", hostname=owner.hostname.name, prefix="acme", target="ghcr.io/acme").mapping


def test_one_mapping_for_each_hostname_and_prefix(mapping: Mapping, outsider: Person) -> None:
    again = {"prefix": "acme", "registry": mapping.registry}

    refused(make(Mapping, hostname=mapping.hostname, **again), "unique")
    make(Mapping, hostname=outsider.hostname, **again)()


@pytest.mark.parametrize("name", ["docker.acme.com", "DOCKER.acme.com"])
def test_hostnames_are_unique_whatever_their_case(owner: Person, outsider: Person, name: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make(Hostname, tenant=outsider.tenant, name=name)()


@pytest.mark.parametrize(
    "name",
    [
        *("Docker.example", "docker.example.", "docker_x.example", "-x.example", "x-.example", "a..example", ""),
        *(
            "a.example:8443",
            "https://a.example",
            "b\xfccher.example",
            "a.example\n",
            " a.example",
            "[::g]",
            "a.*.example",
        ),
    ],
)
def test_hostnames_are_in_their_one_form(owner: Person, name: str) -> None:
    refused(make(Hostname, tenant=owner.tenant, name=name), "hostname_is_normalised")


BAD_NAMES = [
    "Acme",
    "acme/",
    "/acme",
    "acme//app",
    "a b",
    "acme:1",
    "-a",
    "a-",
    "a..b",
    "a___b",
    "acme\n",
    "é",
    "%2f",
    "..",
]


@pytest.mark.parametrize("prefix", BAD_NAMES)
def test_prefixes_obey_the_grammar_of_names(mapping: Mapping, prefix: str) -> None:
    fields = {"hostname": mapping.hostname, "registry": mapping.registry}

    refused(make(Mapping, prefix=prefix, **fields), "mapping_prefix_is_name")
    refused(make(Mapping, prefix="x", upstream_prefix=prefix, **fields), "mapping_upstream_prefix_is_name")


@pytest.mark.parametrize("prefix", ["", "acme/app", "a.b_c__d--e/0", "a" * 255])
def test_prefixes_that_obey_it(mapping: Mapping, prefix: str) -> None:
    fields = {"hostname": mapping.hostname, "registry": mapping.registry}

    make(Mapping, prefix=prefix, upstream_prefix=prefix, **fields)()


@pytest.mark.parametrize(
    "origin",
    [
        *("ghcr.io", "ftp://ghcr.io", "https://", "https://GHCR.io", "https://ghcr.io/", "https://ghcr.io/v2"),
        *(
            "https://user@ghcr.io",
            "https://ghcr.io?x",
            "https://ghcr.io#x",
            "https://ghcr.io:",
            "https://ghcr.io:443443",
        ),
        *(
            "https://ghcr.io\n",
            " https://ghcr.io",
            "https://gh cr.io",
            "https://ghcr.io\\@evil.example",
            "javascript:x",
        ),
    ],
)
def test_origins_are_scheme_host_and_port(origin: str) -> None:
    refused(make(Registry, name="x", origin=origin), "registry_origin_is_origin")


def test_one_registry_for_each_owner_and_origin(owner: Person, outsider: Person) -> None:
    fields = {"name": "x", "origin": "https://r.example"}
    make(Registry, **fields)()
    make(Registry, tenant=owner.tenant, **fields)()
    make(Registry, tenant=outsider.tenant, **fields)()

    refused(make(Registry, **fields), "")
    refused(make(Registry, tenant=owner.tenant, **fields), "")


def test_where_one_component_names_live_is_a_name() -> None:
    bad = {"name": "x", "origin": "https://r.example", "implicit_namespace": "Library/"}

    refused(make(Registry, **bad), "registry_implicit_namespace_is_name")


def test_slugs_are_unique(owner: Person) -> None:
    refused(make(Tenant, slug=owner.tenant.slug, name="x"), "")


def test_there_is_one_generation() -> None:
    Generation.objects.get_or_create(pk=1)

    refused(make(Generation, pk=2), "generation_is_one_row")


@pytest.mark.parametrize("attribute", ["hostname", "registry"])
def test_what_a_mapping_refers_to_is_not_deleted(mapping: Mapping, attribute: str) -> None:
    with pytest.raises(models.ProtectedError):
        getattr(mapping, attribute).delete()


class TestLoops:
    """No mapping leads to a hostname that is served here, whichever of the rows comes last."""

    @pytest.mark.parametrize(
        "origin",
        [
            *("https://docker.acme.com", "http://docker.acme.com:5000", "https://a.pull.acme.com"),
            *("https://a.pull.acme.com:8443", "https://[2001:db8::1]:5000", "https://[2001:db8::1]"),
        ],
    )
    def test_no_registry_at_a_hostname(self, owner: Person, origin: str) -> None:
        for name in ("*.pull.acme.com", "[2001:db8::1]"):
            make(Hostname, tenant=owner.tenant, name=name)()
        harmless = Registry.objects.create(name="x", origin="https://r.example")

        refused(make(Registry, name="x", origin=origin), "leads_round")
        refused(lambda: Registry.objects.filter(pk=harmless.pk).update(origin=origin), "leads_round")

    @pytest.mark.parametrize(
        "origin",
        [
            *("https://acme.com", "https://pull.acme.com", "https://a.b.pull.acme.com", "https://xdocker.acme.com"),
            *("https://docker.acme.com.example", "https://docker:5000", "https://[2001:db8::2]:5000"),
        ],
    )
    def test_what_is_near_a_hostname_is_none(self, owner: Person, origin: str) -> None:
        for name in ("*.pull.acme.com", "[2001:db8::1]"):
            make(Hostname, tenant=owner.tenant, name=name)()

        make(Registry, name="x", origin=origin)()

    @pytest.mark.parametrize("name", ["r.example", "*.example"])
    def test_no_hostname_at_a_registry_that_is_shared_or_the_tenants_own(
        self, owner: Person, outsider: Person, name: str
    ) -> None:
        registry = Registry.objects.create(name="x", origin="https://r.example:5000", tenant=owner.tenant)

        refused(make(Hostname, tenant=owner.tenant, name=name), "leads_round")
        refused(lambda: Hostname.objects.filter(pk=owner.hostname.pk).update(name=name), "leads_round")
        make(Hostname, tenant=outsider.tenant, name=name)()
        refused(lambda: Hostname.objects.filter(name=name).update(tenant=owner.tenant), "leads_round")
        # Whoever mapped to it before the name was served goes round; nobody begins to.
        again = {"hostname": owner.hostname, "prefix": "x", "registry": registry}
        refused(make(Mapping, **again), "leads_round")

    def test_no_mapping_turns_to_a_registry_at_a_hostname(self, mapping: Mapping, outsider: Person) -> None:
        registry = Registry.objects.create(name="x", origin="https://r.example", tenant=mapping.hostname.tenant)
        make(Hostname, tenant=outsider.tenant, name="r.example")()

        refused(lambda: Mapping.objects.filter(pk=mapping.pk).update(registry=registry), "leads_round")
        assert Mapping.objects.filter(pk=mapping.pk).update(enabled=False) == 1
