"""A hostname changes hands with its mappings, in one step, and neither tenant learns of the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail

from routing.core.table.routing_table import Table
from routing.models import Change, Hostname, HostnameClaim, Job, Mapping, Registry, Tenant
from routing.models.versioned import viewable
from routing.services.base.actor import Actor
from routing.services.base.errors import Conflict, Outdated
from routing.services.hostnames.claims import claim_hostname
from routing.services.hostnames.hostnames import add_hostname, suspend_hostnames, update_hostname
from routing.services.leaving.hand_over import get_hand_over, hand_over_hostname
from routing.services.mappings.mappings import add_mapping, repoint
from routing.services.registries.registries import add_registry
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def mapped(owner: Person, platform: Actor) -> Hostname:
    """docker.acme.com, proved, with two mappings to shared registries."""
    for prefix in ("a", "b"):
        add_mapping(owner.actor, "by acme", hostname=owner.hostname.name, prefix=prefix, target=f"ghcr.io/{prefix}")
    Hostname.objects.filter(pk=owner.hostname.pk).update(proof_token="0" * 32, proof_finding="gone?")
    return Hostname.objects.get(pk=owner.hostname.pk)


def hand_over(actor: Actor, hostname: Hostname, tenant: Tenant, *, copy_registries: bool = False) -> list[str]:
    return hand_over_hostname(
        actor, "bought", hostname_id=hostname.pk, tenant_id=tenant.pk, copy_registries=copy_registries
    ).notes


def test_the_table_changes_in_one_step_and_the_mappings_stay_what_they_are(
    mapped: Hostname, outsider: Person, platform: Actor, table: Callable[[], Table]
) -> None:
    before = table()
    keys = [mapping.table_key for mapping in Mapping.objects.select_related("hostname")]
    mappings = [before.mappings.get(key) for key in keys]
    changes = Change.objects.count()

    notes = hand_over(platform, mapped, outsider.tenant)

    after = table()
    entry = after.hosts.get(mapped.name)
    assert entry is not None
    assert entry.tenant == str(outsider.tenant.pk)
    assert [after.mappings.get(key) for key in keys] == mappings
    # One entry, so that there is no state between the two.
    assert Change.objects.count() == changes + 1
    assert notes[0] == "handed docker.acme.com over from Acme to Globex, with 2 mappings"


def test_the_members_of_the_new_tenant_change_it_and_those_of_the_old_do_not(
    mapped: Hostname, owner: Person, outsider: Person, platform: Actor
) -> None:
    hand_over(platform, mapped, outsider.tenant)

    repoint(outsider.actor, "ours now", hostname=mapped.name, prefix="a", target="quay.io/globex")
    with pytest.raises(Exception, match="there is no mapping"):
        repoint(owner.actor, "still ours", hostname=mapped.name, prefix="b", target="quay.io/acme")
    assert not Hostname.objects.viewable_by(owner.actor).filter(pk=mapped.pk).exists()


def test_it_rests_on_the_platforms_word_and_the_claim_is_done_with(
    mapped: Hostname, owner: Person, outsider: Person, platform: Actor
) -> None:
    claim_hostname(outsider.actor, tenant_id=outsider.tenant.pk, name=mapped.name)
    others = Tenant.objects.create(slug="other", name="Other")
    claim_hostname(platform, tenant_id=others.pk, name=mapped.name)

    notes = hand_over(platform, mapped, outsider.tenant)

    mapped.refresh_from_db()
    assert (mapped.proof_token, mapped.proof_finding, mapped.withdrawn_at) == ("", "", None)
    assert [claim.tenant for claim in HostnameClaim.objects.filter(name=mapped.name)] == [others]
    assert "docker.acme.com no longer needs the DNS record that verified it for Acme: it can be deleted" in notes


def test_both_histories_show_it_and_neither_names_the_other(
    mapped: Hostname, owner: Person, outsider: Person, platform: Actor
) -> None:
    hand_over(platform, mapped, outsider.tenant)

    def seen_by(person: Person) -> list[tuple[str, str]]:
        rows = viewable(Hostname.history.filter(id=mapped.pk), person.actor).order_by("history_id")
        return list(rows.values_list("history_type", "history_change_reason"))

    assert seen_by(owner) == [("+", ""), ("-", "handed over to another tenant: bought")]
    assert seen_by(outsider) == [("+", "handed over from another tenant: bought")]
    # What was before is told to whose it was.
    assert viewable(Mapping.history.all(), owner.actor).count() == 2
    assert not viewable(Mapping.history.all(), outsider.actor).exists()
    assert Hostname.history.filter(id=mapped.pk, tenant=outsider.tenant, of_tenant=outsider.tenant.pk).exists()


def own_registry(owner: Person, platform: Actor) -> Registry:
    return add_registry(
        platform, "", tenant_id=owner.tenant.pk, name="Ours", origin="https://r.acme.example", stream_blobs=True
    )


def test_registries_of_the_old_tenant_are_an_obstacle(
    mapped: Hostname, owner: Person, outsider: Person, platform: Actor
) -> None:
    own_registry(owner, platform)
    add_mapping(platform, "", hostname=mapped.name, prefix="own", target="r.acme.example/team")

    with pytest.raises(Conflict, match=r"registries that are Acme's own: https://r\.acme\.example\. Have Globex get"):
        hand_over(platform, mapped, outsider.tenant)

    plan = get_hand_over(platform, hostname_id=mapped.pk, tenant_id=outsider.tenant.pk)
    assert [registry.name for registry in plan.takes] == ["Ours"]
    assert Hostname.objects.get(pk=mapped.pk).tenant == owner.tenant


def test_the_new_tenant_gets_the_same_registries_where_that_is_asked_for(
    mapped: Hostname, owner: Person, outsider: Person, platform: Actor
) -> None:
    registry = own_registry(owner, platform)
    mapping = add_mapping(platform, "", hostname=mapped.name, prefix="own", target="r.acme.example/team").mapping
    update_hostname(platform, "", hostname_id=mapped.pk, login_registry_id=registry.pk)

    notes = hand_over(platform, mapped, outsider.tenant, copy_registries=True)

    mapping.refresh_from_db()
    mapped.refresh_from_db()
    copied = mapping.registry
    assert copied.tenant == outsider.tenant
    assert (copied.origin, copied.name, copied.stream_blobs) == (registry.origin, "Ours", True)
    assert mapped.login_registry == copied
    assert Registry.objects.get(pk=registry.pk).tenant == owner.tenant
    assert "gave Globex the registry https://r.acme.example" in notes
    changed = Change.objects.filter(kind="mapping", key=mapping.table_key).last()
    assert changed is not None
    assert changed.entry is not None
    assert changed.entry["registry"] == str(copied.pk)


def test_a_registry_that_the_new_tenant_has_there_is_used(
    mapped: Hostname, owner: Person, outsider: Person, platform: Actor
) -> None:
    own_registry(owner, platform)
    there = add_registry(platform, "", tenant_id=outsider.tenant.pk, name="T", origin="https://r.acme.example")
    mapping = add_mapping(platform, "", hostname=mapped.name, prefix="own", target="r.acme.example/team").mapping

    hand_over(platform, mapped, outsider.tenant, copy_registries=True)

    mapping.refresh_from_db()
    assert mapping.registry == there


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("max_hostnames", "Globex may have 1 hostnames, has 1, and would get 1 more: raise its limit first"),
        ("max_mappings", "Globex may have 1 mappings, has 0, and would get 2 more: raise its limit first"),
    ],
)
def test_the_limits_of_the_new_tenant_hold(
    mapped: Hostname, owner: Person, outsider: Person, platform: Actor, limit: str, said: str
) -> None:
    Tenant.objects.filter(pk=outsider.tenant.pk).update(**{limit: 1})

    with pytest.raises(Conflict) as refused:
        hand_over(platform, mapped, outsider.tenant)

    assert refused.value.message == said
    assert Hostname.objects.get(pk=mapped.pk).tenant == owner.tenant


def test_names_below_a_wildcard_stay_whose_they_are(owner: Person, outsider: Person, platform: Actor) -> None:
    wildcard = add_hostname(platform, "", tenant_id=owner.tenant.pk, name="*.pull.acme.com")
    name = add_hostname(platform, "", tenant_id=owner.tenant.pk, name="a.pull.acme.com")
    add_hostname(platform, "", tenant_id=owner.tenant.pk, name="a.b.pull.acme.com")

    assert "a.pull.acme.com stays with Acme" in hand_over(platform, wildcard, outsider.tenant)
    assert "*.pull.acme.com stays with Globex" in hand_over(platform, name, outsider.tenant)
    assert "a.b.pull.acme.com" not in str(hand_over(platform, wildcard, owner.tenant))


def test_names_deeper_below_a_wildcard_hide_none_of_its_own(owner: Person, outsider: Person, platform: Actor) -> None:
    wildcard = add_hostname(platform, "", tenant_id=owner.tenant.pk, name="*.pull.acme.com")
    for name in [*(f"a.b{number}.pull.acme.com" for number in range(12)), "own.pull.acme.com"]:
        add_hostname(platform, "", tenant_id=owner.tenant.pk, name=name)

    beside = get_hand_over(platform, hostname_id=wildcard.pk, tenant_id=outsider.tenant.pk).beside

    assert [hostname.name for hostname in beside] == ["own.pull.acme.com"]


def test_a_registry_of_the_new_tenant_at_that_name_refuses_it(
    mapped: Hostname, outsider: Person, platform: Actor
) -> None:
    Registry.objects.bulk_create([Registry(tenant=outsider.tenant, name="x", origin="https://other.example")])
    free = add_hostname(platform, "", tenant_id=mapped.tenant_id, name="r.other.example")
    Hostname.objects.filter(pk=free.pk).update(name="other.example")

    with pytest.raises(Exception, match="would point to itself"):
        hand_over(platform, free, outsider.tenant)


def test_a_suspension_goes_along_and_is_told(mapped: Hostname, outsider: Person, platform: Actor) -> None:
    suspend_hostnames(platform, "", hostname_ids=[mapped.pk], suspended=True)

    assert "docker.acme.com is still suspended" in hand_over(platform, mapped, outsider.tenant)
    mapped.refresh_from_db()
    assert mapped.suspended


def test_to_whom_has_it_already_nothing_changes(mapped: Hostname, owner: Person, platform: Actor) -> None:
    changes = Change.objects.count()

    outcome = hand_over_hostname(platform, "", hostname_id=mapped.pk, tenant_id=owner.tenant.pk)

    assert not outcome.changed
    assert Change.objects.count() == changes


def test_an_older_version_is_refused(mapped: Hostname, outsider: Person, platform: Actor) -> None:
    def at(version: int) -> None:
        hand_over_hostname(platform, "", hostname_id=mapped.pk, tenant_id=outsider.tenant.pk, if_match=[version])

    with pytest.raises(Outdated):
        at(mapped.version + 1)

    at(mapped.version)


def test_the_owners_of_both_get_a_mail_that_does_not_name_the_other(
    mapped: Hostname, outsider: Person, platform: Actor
) -> None:
    hand_over(platform, mapped, outsider.tenant)

    letters = {job.arguments["to"]: job.arguments["text"] for job in Job.objects.filter(kind="notice")}
    assert set(letters) == {"alice@docker.acme.com", "charles@docker.globex.com"}
    assert "Globex" not in letters["alice@docker.acme.com"]
    assert "Acme" not in letters["charles@docker.globex.com"]
    assert mail.outbox == []
