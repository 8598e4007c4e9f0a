"""A rule of a row holds on every way to it: when it is added and when it is changed, by verb, API, form and command.

What each breach is told stands beside it, so that no breach passes for another reason.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from routing.core.table.routing_table import Table
from routing.models import (
    ApiToken,
    Hostname,
    HostnameClaim,
    Invitation,
    Mapping,
    Membership,
    Registry,
    RegistryHealth,
    Role,
    SavedFilter,
    SelfTest,
    Subscription,
    Verification,
    Watch,
)
from routing.models.versioned import VersionedModel
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.rules import rules_of
from routing.services.base.unit_of_work import unit_of_work
from routing.services.hostnames.claims import check_claim, claim_hostname
from routing.services.hostnames.hostnames import add_hostname, update_hostname
from routing.services.hostnames.proof import proof_record
from routing.services.lists.saved_filters import save_filter
from routing.services.mappings.mappings import add_mapping, repoint, update_mapping
from routing.services.people.api_tokens import create_api_token
from routing.services.people.members import invite
from routing.services.registries.registries import add_registry, update_registry
from tests.admin.conftest import AdminClient, errors_of
from tests.api.conftest import ApiClient, api_client_for
from tests.conftest import Person
from tests.dns.name_server import NameServer, txt

OURS = "https://registry.acme.example"

#: What a tenant's owner says of a registry → what they are told.
REGISTRY_BREACHES: list[tuple[dict[str, str], str]] = [
    # A shared one's place, in every spelling.
    ({"origin": "https://ghcr.io"}, "is shared with everybody already"),
    ({"origin": "HTTPS://GHCR.io:443/"}, "is shared with everybody already"),
    ({"origin": "https://ghcr.io./"}, "is shared with everybody already"),
    ({"origin": "https://\uff47\uff48\uff43\uff52\uff0e\uff49\uff4f"}, "is shared with everybody already"),
    ({"origin": "http://ghcr.io"}, "is shared with everybody already"),
    ({"origin": "https://ghcr.io:80"}, "is shared with everybody already"),
    ({"origin": "https://REGISTRY-1.docker.io:443/"}, "is shared with everybody already"),
    ({"origin": "https://index.docker.io:0443"}, "is shared with everybody already"),
    ({"origin": "http://registry.hub.docker.com:00080/"}, "is shared with everybody already"),
    # Its names.
    ({"alias": "docker.io"}, "is a name of Docker Hub"),
    ({"alias": "Index.Docker.io"}, "is a name of Docker Hub"),
    ({"alias": "docker.io:443"}, "is a name of Docker Hub"),
    ({"alias": "GHCR.io"}, "what the shared registry at https://ghcr.io is called"),
    ({"alias": "quay.io:0443"}, "what the shared registry at https://quay.io is called"),
    ({"name": "Docker Hub"}, "what the shared registry at https://registry-1.docker.io is called"),
    ({"name": "\uff44ocker  HUB"}, "what the shared registry at https://registry-1.docker.io is called"),
    ({"name": "ghcr.io"}, "what the shared registry at https://ghcr.io is called"),
    # What is no name.
    ({"alias": "acme.example/team"}, "no name of a registry"),
    ({"alias": "https://acme.example"}, "no name of a registry"),
    ({"alias": "../.."}, "no name of a registry"),
    ({"implicit_namespace": "../.."}, "no prefix of a repository name"),
    # Where no registry may be.
    ({"origin": "https://10.0.0.1"}, "private or loopback"),
    ({"origin": "https://docker.acme.com:5000"}, "round in a circle"),
    ({"origin": "https://registry.acme.example/v2"}, "ends after host and port"),
]

Door = Callable[[Person, Registry, dict[str, str]], str]


def verb_add(owner: Person, registry: Registry, said: dict[str, Any]) -> str:
    facts = {"name": "New", "origin": "https://new.acme.example"} | said
    with pytest.raises(ServiceError) as refusal:
        add_registry(owner.actor, "why", tenant_id=owner.tenant.pk, **facts)
    return refusal.value.message


def verb_change(owner: Person, registry: Registry, said: dict[str, Any]) -> str:
    with pytest.raises(ServiceError) as refusal:
        update_registry(owner.actor, "why", registry_id=registry.pk, **said)
    return refusal.value.message


def api_post(owner: Person, registry: Registry, said: dict[str, str]) -> str:
    facts = {"name": "New", "origin": "https://new.acme.example"} | said
    answer = _api(owner).send("post", "registries", tenant=owner.tenant.slug, reason="why", **facts)
    assert answer.status_code == 422
    return str(answer.json()["message"])


def api_patch(owner: Person, registry: Registry, said: dict[str, str]) -> str:
    answer = _api(owner).send("patch", f"registries/{registry.pk}", reason="why", **said)
    assert answer.status_code == 422
    return str(answer.json()["message"])


def _api(owner: Person) -> ApiClient:
    ApiToken.objects.filter(user=owner.user).delete()
    return api_client_for(owner)


def form_add(owner: Person, registry: Registry, said: dict[str, str]) -> str:
    facts = {"name": "New", "origin": "https://new.acme.example", "tenant": owner.tenant.pk} | said
    return _told(AdminClient(owner.user).fill("registry_add", reason="why", **facts))


def form_change(owner: Person, registry: Registry, said: dict[str, str]) -> str:
    return _told(AdminClient(owner.user).fill("registry_change", registry.pk, reason="why", **said))


def _told(answer: Any) -> str:
    return " ".join(message for messages in errors_of(answer).values() for message in messages)


@pytest.fixture
def ours(owner: Person) -> Registry:
    """The owner's own registry, to which a mapping leads: all of it."""
    registry = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin=OURS)
    add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="", target=OURS)
    return registry


@pytest.mark.parametrize("door", [verb_add, verb_change, api_post, api_patch, form_add, form_change])
def test_a_registry(owner: Person, ours: Registry, table: Callable[[], Table], settings: Settings, door: Door) -> None:
    table()
    owner.user.is_staff = True
    owner.user.save()
    before = list(Registry.objects.order_by("pk").values())
    missed = {}

    for said, told in REGISTRY_BREACHES:
        settings.FACADE_ALLOW_INSECURE_REGISTRIES = "http://" in said.get("origin", "")
        answer = door(owner, ours, said)
        if told not in answer:
            missed[str(said)] = answer

    assert missed == {}
    assert list(Registry.objects.order_by("pk").values()) == before


class TestRegistries:
    def test_what_is_in_use_moves_for_a_reason(self, owner: Person, ours: Registry, table: Callable[[], Table]) -> None:
        table()
        moved = {"origin": "https://moved.acme.example"}
        with pytest.raises(ServiceError, match="Say why"):
            update_registry(owner.actor, " ", registry_id=ours.pk, **moved)  # type: ignore[arg-type]
        answer = api_client_for(owner).send("patch", f"registries/{ours.pk}", **moved)
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["reason"])
        owner.user.is_staff = True
        owner.user.save()
        assert "Say why" in _told(AdminClient(owner.user).fill("registry_change", ours.pk, **moved))

        with pytest.raises(ServiceError, match="Say why"):
            update_registry(owner.actor, "", registry_id=ours.pk, implicit_namespace="library")
        update_registry(owner.actor, "", registry_id=ours.pk, name="Still ours", stream_blobs=True)
        update_registry(owner.actor, "new machine", registry_id=ours.pk, **moved)  # type: ignore[arg-type]
        assert Mapping.objects.get().registry.origin == moved["origin"]

    def test_so_does_one_to_which_only_a_login_goes(self, platform: Actor, owner: Person) -> None:
        registry = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin=OURS)
        update_registry(owner.actor, "", registry_id=registry.pk, origin="https://typo.acme.example")
        update_hostname(owner.actor, "", hostname_id=owner.hostname.pk, login_registry_id=registry.pk)

        with pytest.raises(ServiceError, match="Say why"):
            update_registry(owner.actor, "", registry_id=registry.pk, origin=OURS)

    def test_one_to_which_another_tenants_login_goes_stays_shared(
        self, platform: Actor, owner: Person, outsider: Person
    ) -> None:
        shared = add_registry(platform, "", tenant_id=None, name="Shared", origin="https://shared.example")
        update_hostname(outsider.actor, "", hostname_id=outsider.hostname.pk, login_registry_id=shared.pk)

        with pytest.raises(ServiceError, match="owner can't be changed"):
            update_registry(platform, "why", registry_id=shared.pk, tenant_id=owner.tenant.pk)

    def test_no_shared_one_is_called_like_a_tenants(self, platform: Actor, owner: Person) -> None:
        add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin=OURS, alias="hub.example")
        shared = add_registry(platform, "", tenant_id=None, name="Shared", origin="https://shared.example")

        with pytest.raises(ServiceError, match=r"a registry of Acme at https://registry\.acme\.example is called"):
            add_registry(platform, "", tenant_id=None, name="Another", origin="https://hub.example")
        with pytest.raises(ServiceError, match="change that one first"):
            update_registry(platform, "", registry_id=shared.pk, alias="HUB.example")
        with pytest.raises(ServiceError, match="change that one first"):
            update_registry(platform, "", registry_id=shared.pk, name="ours")

    def test_one_that_is_given_to_a_tenant_keeps_the_rules_of_a_tenants(self, platform: Actor, owner: Person) -> None:
        theirs = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Ours", origin=OURS, alias="ours")
        shared = add_registry(platform, "", tenant_id=None, name="Shared", origin="https://s.example", alias="theirs")

        update_registry(platform, "", registry_id=theirs.pk, alias="other")
        with pytest.raises(ServiceError, match=r"what the shared registry at https://s\.example is called"):
            update_registry(platform, "", registry_id=theirs.pk, alias="theirs")
        update_registry(platform, "", registry_id=shared.pk, tenant_id=owner.tenant.pk)
        with pytest.raises(ServiceError, match=r"what your registry at https://s\.example is called"):
            update_registry(owner.actor, "", registry_id=theirs.pk, alias="theirs")

    def test_docker_hub_keeps_what_belongs_to_it(self, db: None, platform: Actor) -> None:
        hub = Registry.objects.get(alias="docker.io")

        hub = update_registry(platform, "why", registry_id=hub.pk, alias="", implicit_namespace="").row

        assert (hub.alias, hub.implicit_namespace) == ("docker.io", "library")

    def test_what_a_rule_does_not_speak_of_can_change_where_the_row_breaks_it(
        self, owner: Person, settings: Settings
    ) -> None:
        settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
        inside = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="In", origin="https://10.0.0.1")
        settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False

        assert update_registry(owner.actor, "", registry_id=inside.pk, name="Inside").changed

    def test_by_a_mapping_that_adds_its_registry(self, owner: Person, settings: Settings) -> None:
        settings.FACADE_ALLOW_INSECURE_REGISTRIES = True
        target = "http://ghcr.io/acme"

        with pytest.raises(ServiceError, match="shared with everybody") as refusal:
            add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="x", target=target)
        assert list(refusal.value.fields) == ["target"]
        add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="x", target="ghcr.io/acme")
        with pytest.raises(ServiceError, match="shared with everybody"):
            repoint(owner.actor, "why", hostname=owner.hostname.name, prefix="x", target=target)


class TestMappings:
    def test_all_of_a_shared_registry(self, platform: Actor, owner: Person, ours: Registry) -> None:
        """Also by a registry of one's own at the same place, which the platform gave, or had before it was shared."""
        add_registry(platform, "", tenant_id=owner.tenant.pk, name="GHCR of our own", origin="https://ghcr.io")
        mapping = Mapping.objects.get()
        for target in ("ghcr.io", "docker.io", "https://INDEX.docker.io:443/"):
            with pytest.raises(ServiceError, match="operators of the platform only"):
                add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="new", target=target)
            with pytest.raises(ServiceError, match="operators of the platform only"):
                update_mapping(owner.actor, "why", mapping_id=mapping.pk, target=target)

        update_mapping(platform, "why", mapping_id=mapping.pk, target="ghcr.io")
        assert update_mapping(owner.actor, "", mapping_id=mapping.pk, enabled=False).changed

    def test_anothers_registry(self, platform: Actor, owner: Person, outsider: Person, ours: Registry) -> None:
        theirs = add_registry(platform, "", tenant_id=outsider.tenant.pk, name="T", origin="https://theirs.example")
        mapping = Mapping.objects.get()

        with unit_of_work(platform, "why") as unit, pytest.raises(ServiceError, match="belongs to another tenant"):
            unit.add(Mapping(hostname=owner.hostname, prefix="new", registry=theirs))
        with unit_of_work(platform, "why") as unit, pytest.raises(ServiceError, match="belongs to another tenant"):
            unit.update(mapping, registry=theirs)

    def test_a_registry_that_is_not_allowed_any_more(self, owner: Person, settings: Settings) -> None:
        settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
        inside, outside = "10.0.0.1/x", "quay.io/acme"
        add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="in", target=inside)
        add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="out", target=outside)
        settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False

        with pytest.raises(ServiceError, match="private or loopback"):
            add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="new", target=inside)
        with pytest.raises(CommandError, match="private or loopback"):
            call_command("repoint", owner.hostname.name, "out", inside, reason="why", stdout=StringIO())

    def test_by_command(self, owner: Person, ours: Registry) -> None:
        add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="app", target="quay.io/acme")
        for command in (["add_mapping", owner.hostname.name, "new"], ["repoint", owner.hostname.name, "app"]):
            reason = ["--reason", "why"]
            with pytest.raises(CommandError, match="round in a circle"):
                call_command(*command, f"{owner.hostname.name}/x", *reason, stdout=StringIO())

    def test_repointing_takes_a_reason(self, owner: Person, ours: Registry) -> None:
        with pytest.raises(ServiceError, match="Say why"):
            update_mapping(owner.actor, "", mapping_id=Mapping.objects.get().pk, target="quay.io/acme")


class TestHostnames:
    def test_a_login_to_anothers_registry(self, platform: Actor, owner: Person, outsider: Person) -> None:
        theirs = add_registry(platform, "", tenant_id=outsider.tenant.pk, name="T", origin="https://theirs.example")

        with pytest.raises(ServiceError, match="belongs to another tenant"):
            add_hostname(platform, "", tenant_id=owner.tenant.pk, name="new.acme.com", login_registry_id=theirs.pk)
        with pytest.raises(ServiceError, match="belongs to another tenant"):
            update_hostname(platform, "", hostname_id=owner.hostname.pk, login_registry_id=theirs.pk)

    def test_a_suspension_is_the_platforms(self, owner: Person) -> None:
        with unit_of_work(owner.actor, "") as unit, pytest.raises(ServiceError, match="only operators"):
            unit.add(Hostname(tenant=owner.tenant, name="new.acme.com", suspended=True))
        with pytest.raises(ServiceError, match="only operators"):
            update_hostname(owner.actor, "", hostname_id=owner.hostname.pk, suspension_message="all is well")

    def test_a_claim_that_can_not_be_made_any_more_becomes_no_hostname(
        self, owner: Person, name_server: NameServer, settings: Settings
    ) -> None:
        claim = claim_hostname(owner.actor, tenant_id=owner.tenant.pk, name="pull.facade.example")
        record = proof_record(claim)
        assert record is not None
        name_server.answers(record.name, txt(record.value))
        settings.FACADE_PLATFORM_DOMAINS = ["facade.example"]

        checked = check_claim(owner.actor, claim_id=claim.pk)

        assert (checked.hostname, "platform's own domain" in checked.finding) == (None, True)


def _rows(owner: Person, outsider: Person) -> dict[type[VersionedModel], VersionedModel]:
    add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="app", target="quay.io/acme")
    return {
        Hostname: owner.hostname,
        HostnameClaim: claim_hostname(owner.actor, tenant_id=owner.tenant.pk, name="new.acme.com"),
        Mapping: Mapping.objects.get(),
        Membership: Membership.objects.get(user=owner.user),
        Invitation: invite(owner.actor, tenant_id=owner.tenant.pk, email="dora@acme.com", role="viewer").invitation,
        ApiToken: create_api_token(owner.actor, user=owner.user, name="ours").token,
        SavedFilter: save_filter(owner.actor, noun="mapping", name="off", terms={"state": "off"}),
    }


FIXED: list[tuple[type[VersionedModel], str, Callable[[Person], Any]]] = [
    (Hostname, "tenant_id", lambda other: other.tenant.pk),
    (Hostname, "name", lambda other: "other.acme.com"),
    (HostnameClaim, "tenant_id", lambda other: other.tenant.pk),
    (HostnameClaim, "name", lambda other: "other.acme.com"),
    (Mapping, "hostname_id", lambda other: other.hostname.pk),
    (Mapping, "prefix", lambda other: "other"),
    (Membership, "tenant_id", lambda other: other.tenant.pk),
    (Membership, "user_id", lambda other: other.user.pk),
    (Invitation, "tenant_id", lambda other: other.tenant.pk),
    (Invitation, "role", lambda other: Role.OWNER),
    (ApiToken, "user_id", lambda other: other.user.pk),
    (ApiToken, "tenant_id", lambda other: other.tenant.pk),
    (SavedFilter, "noun", lambda other: "hostname"),
    (SavedFilter, "user_id", lambda other: other.user.pk),
]


@pytest.mark.parametrize(("model", "column", "value_of"), FIXED, ids=lambda value: getattr(value, "__name__", value))
def test_what_a_row_is_never_changes(
    platform: Actor,
    owner: Person,
    outsider: Person,
    model: type[VersionedModel],
    column: str,
    value_of: Callable[[Person], Any],
) -> None:
    row = _rows(owner, outsider)[model]

    with unit_of_work(platform, "why") as unit, pytest.raises(ServiceError, match="never changes"):
        unit.update(row, **{column: value_of(outsider)})


def test_every_noun_that_people_change_has_rules() -> None:
    nouns = {model for model in VersionedModel.__subclasses__() if not model.__name__.startswith("Historical")}

    # Nobody changes a verification, a watch, what a self-test found, whether a registry answers, or where a
    # subscription's messages go.
    without = {model for model in nouns if not rules_of(model)}
    assert without == {Verification, Watch, RegistryHealth, SelfTest, Subscription}
