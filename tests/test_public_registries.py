"""No door gives anybody a hostname at which a public registry is, whether the facade knows that registry or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from routing.core.table.routing_table import Table
from routing.models import Hostname, HostnameClaim
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.hostnames.claims import vouch_hostname
from routing.services.hostnames.public_registries import public_registry_at
from tests.admin.conftest import AdminClient, errors_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

NAMES = ["mcr.microsoft.com", "europe-west1-docker.pkg.dev", "acme.azurecr.io", "*.gcr.io", "*.ecr.aws", "Docker.IO"]
SAID = "would point to itself"
every_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def operator(owner: Person, table: Callable[[], Table]) -> Person:
    """Alice, who operates the platform, too: what even she can't do, nobody can."""
    User.objects.filter(pk=owner.user.pk).update(is_superuser=True, is_staff=True)
    owner.user.refresh_from_db()
    table()
    return owner


def none_is_there(name: str) -> bool:
    stored = name.lower()
    return not Hostname.objects.filter(name=stored).exists() and not HostnameClaim.objects.filter(name=stored).exists()


@every_name
@pytest.mark.parametrize(
    ("path", "more"),
    [("claims", {}), ("hostnames", {}), ("mappings", {"target": "ghcr.io/a", "create_hostname": True})],
)
def test_the_api(operator: Person, name: str, path: str, more: dict[str, object]) -> None:
    refused = api_client_for(operator).send("post", path, hostname=name, tenant="acme", **more)

    assert (refused.status_code, refused.json()["code"]) == (422, "hostname_not_allowed")
    assert none_is_there(name)


@every_name
@pytest.mark.parametrize(
    "words",
    [
        ("hostname", "claim", "{}", "--tenant", "acme"),
        ("hostname", "add", "{}", "--tenant", "acme"),
        ("mapping", "add", "{}", "a", "ghcr.io/a", "--create"),
    ],
    ids=" ".join,
)
def test_the_command_line(operator: Person, name: str, words: tuple[str, ...]) -> None:
    refused = facade(*(word.format(name) for word in words))

    assert refused.status == 1
    assert SAID in refused.err
    assert none_is_there(name)


@every_name
@pytest.mark.parametrize(
    ("view", "fields"),
    [
        ("hostnameclaim_add", {"name": "{}"}),
        ("mapping_add", {"hostname": "{}", "target": "ghcr.io/a", "create_hostname": "on"}),
    ],
)
def test_the_admin(operator: Person, name: str, view: str, fields: dict[str, str]) -> None:
    tenant = {"tenant": operator.tenant.pk} if view == "hostnameclaim_add" else {}
    typed = {field: value.format(name) for field, value in fields.items()}

    refused = AdminClient(operator.user).fill(view, **typed, **tenant)

    assert SAID in str(errors_of(refused))
    assert none_is_there(name)


@every_name
def test_a_claim_of_former_days(operator: Person, name: str) -> None:
    HostnameClaim.objects.create(tenant=operator.tenant, name=name.lower(), token="0" * 32)

    with pytest.raises(ServiceError, match=SAID):
        vouch_hostname(Actor.command_line(), "", tenant_id=operator.tenant.pk, name=name)

    assert not Hostname.objects.filter(name=name.lower()).exists()


@pytest.mark.parametrize("name", ["docker.elastic.co", "notghcr.io", "ghcr.io.acme.com", "*.microsoft.com.acme.com"])
def test_others_are_free(name: str) -> None:
    assert public_registry_at(name) == ""
