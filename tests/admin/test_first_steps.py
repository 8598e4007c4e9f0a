"""The first steps on the overview: ticked by what happened, gone when all did, and hidden by who wants that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.core.pull_counts import PULL_SHAPE, Grain, Names
from routing.models import AddressState, Hostname, HostnameClaim, Mapping, Preferences, PullCount, Registry, Tenant
from routing.models.pull_count import add_counts
from routing.services.hostnames.certificates import note_certificate
from routing.services.hostnames.claims import claim_hostname
from routing.services.people.tenants import add_tenant
from tests.admin.conftest import SET_UP, AdminClient, add, text_of

pytestmark = pytest.mark.django_db
Member = Callable[[Tenant, str], AdminClient]


def ticked(admin: AdminClient) -> list[str] | None:
    """What is ticked on their overview; None where there are no first steps."""
    steps = admin.client.get("/admin/").context["first_steps"]
    return None if steps is None else [step.words for step in steps.steps if step.is_done]


def next_step(admin: AdminClient) -> tuple[str, str]:
    step = admin.client.get("/admin/").context["first_steps"].next
    return step.link, step.url


def pulled(tenant: Tenant, outcome: str) -> None:
    names = Names(str(tenant.pk), "docker.acme.com", ("acme", "acme/app", "docker", "28", "", "ghcr.io"))
    numbers = [int(name == outcome) for name in PULL_SHAPE.numbers]
    add_counts([(PULL_SHAPE, Grain.HOUR, datetime.now(UTC), {names: numbers})], 1000)


def answers(registry_id: int, trouble: str = "") -> None:
    Registry.objects.filter(pk=registry_id).update(probed_at=timezone.now(), probe_error=trouble)


def test_on_an_empty_facade_nothing_is_ticked_and_the_first_step_begins_with_its_link(admin: AdminClient) -> None:
    assert ticked(admin) == []
    assert next_step(admin) == ("Add a registry", admin.url("registry_add"))
    assert "0 of 6 happened" in text_of(admin.client.get("/admin/"))


def test_each_is_ticked_by_what_happened(admin: AdminClient) -> None:
    mapping = add("docker.acme.com", "acme", "ghcr.io/acme")
    hostname = Hostname.objects.filter(pk=mapping.hostname_id)
    assert ticked(admin) == ["A hostname is yours", "A mapping is on"]
    assert next_step(admin) == ("See whether it answers", admin.url("registry_change", mapping.registry_id))

    answers(mapping.registry_id, "no answer")
    assert "A registry answers" not in (ticked(admin) or [])
    answers(mapping.registry_id)
    assert next_step(admin) == ("Set the DNS record", admin.url("hostname_change", mapping.hostname_id))

    hostname.update(address_state=AddressState.ELSEWHERE)
    assert "Its DNS record points here" not in (ticked(admin) or [])
    hostname.update(address_state=AddressState.HERE)
    assert next_step(admin) == ("Check as a client would", admin.url("hostname_doctor", mapping.hostname_id))

    note_certificate(mapping.hostname_id)
    assert next_step(admin) == ("See the command", admin.url("hostname_change", mapping.hostname_id))

    pulled(mapping.hostname.tenant, "failed")
    assert len(ticked(admin) or []) == 5
    pulled(mapping.hostname.tenant, "redirected")
    assert ticked(admin) is None


def test_what_is_switched_off_or_lost_is_ticked_no_more(admin: AdminClient, mapping: Mapping) -> None:
    assert ticked(admin) == ["A hostname is yours", "A mapping is on"]

    Mapping.objects.update(enabled=False)
    Hostname.objects.update(proof_missing_since=timezone.now())

    assert ticked(admin) == []


def test_a_member_is_told_of_their_tenants_alone(admin: AdminClient, mapping: Mapping, member: Member) -> None:
    answers(mapping.registry_id)
    pulled(mapping.hostname.tenant, "relayed")
    other = add_tenant(SET_UP, "", slug="globex", name="Globex")
    owner = member(other, "owner")

    assert ticked(admin) is None
    # The registry is everybody's.
    assert ticked(owner) == ["A registry answers"]
    assert next_step(owner) == ("Claim a hostname", owner.url("hostnameclaim_add"))

    claim_hostname(SET_UP, tenant_id=other.pk, name="docker.globex.com")
    claim = HostnameClaim.objects.get()
    assert next_step(owner) == ("Verify the claimed hostname", owner.url("hostnameclaim_change", claim.pk))


def test_who_may_not_is_given_no_link_and_told_who_does(member: Member) -> None:
    viewer = member(add_tenant(SET_UP, "", slug="globex", name="Globex"), "viewer")

    page = text_of(viewer.client.get("/admin/"))

    assert next_step(viewer)[1] == ""
    assert "An owner of your tenant, or whoever runs this facade, does that." in page


def test_one_person_can_hide_them(admin: AdminClient, mapping: Mapping, member: Member) -> None:
    owner = member(mapping.hostname.tenant, "owner")

    answer = admin.client.post("/admin/first-steps/hide/")

    assert answer["Location"] == "/admin/"
    assert ticked(admin) is None
    assert ticked(owner) is not None
    assert Preferences.objects.get().user == admin.user
    assert admin.client.get("/admin/first-steps/hide/").status_code == 405


def test_they_take_no_query_of_their_own(admin: AdminClient) -> None:

    add("docker.acme.com", "acme", "ghcr.io/acme")
    admin.client.get("/admin/")
    with CaptureQueriesContext(connection) as shown:
        admin.client.get("/admin/")
    admin.client.post("/admin/first-steps/hide/")
    with CaptureQueriesContext(connection) as hidden:
        admin.client.get("/admin/")

    assert len(shown) == len(hidden)
    assert not PullCount.objects.exists()
