"""A tenant's policy holds by every door, no one person loosens it, and what stands outside it stays where it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from routing.models import ApiToken, ChangeSet, Mapping, Membership, Registry, Role, Tenant, Verification
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Conflict, ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.base.policy import checksum_of_request, mappings_outside
from routing.services.base.unit_of_work import unit_of_work
from routing.services.changes.applying import apply, roll_back, undo
from routing.services.changes.approval import require_approval
from routing.services.changes.drafts import draft
from routing.services.changes.policy import change_policy, confirm_policy, withdraw_policy_request
from routing.services.changes.wishes import Wish
from routing.services.configuration.apply import apply_document
from routing.services.configuration.current import current_document
from routing.services.configuration.reading import read_document
from routing.services.configuration.writing import write_document
from routing.services.hostnames.hostnames import update_hostname
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.mappings.mappings import add_mapping, repoint, update_mapping
from routing.services.registries.registries import add_registry, update_registry
from routing.services.registries.targets import parse_target
from routing.services.standbys.standbys import fail_over, lead_back, name_standby
from routing.services.verifications.candidates import Candidate, resolve
from tests.admin.conftest import AdminClient, errors_of, text_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person
from tests.services.changes.conftest import Drafting, add_at
from tests.services.changes.test_schedule import its_time_comes, planned

pytestmark = pytest.mark.django_db
GHCR = "https://ghcr.io"
Door = Callable[[Person, Mapping], None]


@pytest.fixture(autouse=True)
def _asks_nobody(settings: Settings) -> None:
    settings.FACADE_PROBE_ON_SAVE = settings.FACADE_VERIFY_ON_REPOINT = False


@pytest.fixture
def second_owner(owner: Person, teammate: Person) -> Person:
    Membership.objects.filter(user=teammate.user).update(role=Role.OWNER)
    return teammate


def allow(owner: Person, *registries: str) -> None:
    change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, registries=registries)


def want_reports(owner: Person) -> None:
    change_policy(owner.actor, "r", tenant_id=owner.tenant.pk, needs_clean_reports=True)


def report(actor: Actor, mapping: Mapping, target: str, **facts: object) -> Verification:
    """One that says that nothing differs, unless it is told otherwise."""
    _, switch = resolve(Candidate(mapping.pk, target), actor)
    said = {"state": "done", "compared": 1, "finished_at": timezone.now(), **facts}
    return Verification.objects.create(tenant=mapping.hostname.tenant, switches=[switch], **said)


# ---------------------------------------------------------------- the doors
def by_verb(owner: Person, mapping: Mapping) -> None:
    repoint(owner.actor, "r", hostname=mapping.hostname.name, prefix=mapping.prefix, target="quay.io/acme")


def by_api(owner: Person, mapping: Mapping) -> None:
    ApiToken.objects.filter(user=owner.user).delete()
    answer = api_client_for(owner).send("patch", f"mappings/{mapping.pk}", target="quay.io/acme", reason="r")
    _raise_again(answer.status_code, answer.json())


def by_form(owner: Person, mapping: Mapping) -> None:
    answer = AdminClient(owner.user).fill("mapping_change", mapping.pk, target="quay.io/acme", reason="r")
    if answer.status_code == 200:
        raise PermissionDenied(str(errors_of(answer)), code=_code_in(str(errors_of(answer))))


def by_command(owner: Person, mapping: Mapping) -> None:
    said = facade("mapping", "repoint", mapping.hostname.name, mapping.prefix, "quay.io/acme", "--reason", "r")
    if said.status:
        raise PermissionDenied(said.err, code=_code_in(said.err))


def by_change_set(owner: Person, mapping: Mapping) -> None:
    wishes = [Wish(mapping.pk, parse_target("quay.io/acme"))]
    change_set = draft(owner.actor, "r", wishes=wishes)
    apply(owner.actor, change_set_id=change_set.pk, checksum=change_set.checksum)


def by_document(owner: Person, mapping: Mapping) -> None:
    text = "".join(write_document(current_document(Actor.command_line())))
    assert "https://registry-1.docker.io" in text
    changed = text.replace('registry: "https://registry-1.docker.io"', 'registry: "https://quay.io"')
    apply_document(Actor.command_line(), "r", read_document(changed))


def _raise_again(status: int, answer: dict[str, str]) -> None:
    if status != 200:
        assert status == 403
        raise PermissionDenied(answer["message"], code=next(code for code in Code if code == answer["code"]))


def _code_in(said: str) -> Code:
    return Code.REPORT_REQUIRED if "clean report" in said else Code.POLICY_FORBIDS


REPOINTS = [by_verb, by_api, by_form, by_command, by_change_set, by_document]


@pytest.mark.parametrize("door", REPOINTS)
def test_no_door_leads_where_the_policy_does_not_allow(owner: Person, door: Door) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    allow(owner, "ghcr.io", "docker.io")

    with pytest.raises(ServiceError, match=r"the policy of Acme does not allow quay.io") as refusal:
        door(owner, mapping)

    assert refusal.value.code is Code.POLICY_FORBIDS
    assert Mapping.objects.with_names().get().registry.authority == "docker.io"
    allow(owner, "ghcr.io", "docker.io", "quay.io")
    door(owner, mapping)
    assert Mapping.objects.with_names().get().registry.authority == "quay.io"


@pytest.mark.parametrize("door", REPOINTS)
def test_no_door_repoints_without_a_clean_report_where_the_policy_wants_one(owner: Person, door: Door) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    want_reports(owner)

    with pytest.raises(PermissionDenied, match="clean report of exactly this switch") as refusal:
        door(owner, mapping)

    assert refusal.value.code is Code.REPORT_REQUIRED
    assert Mapping.objects.with_names().get().registry.authority == "docker.io"
    report(owner.actor, mapping, "quay.io/acme/app" if door is by_document else "quay.io/acme")
    door(owner, mapping)
    assert Mapping.objects.with_names().get().registry.authority == "quay.io"


FLAWS: dict[str, dict[str, object]] = {
    "differs": {"difference_count": 1},
    "compared nothing": {"compared": 0},
    "a part only": {"notes": ["app: only 30 of 40 references are compared"]},
    "old": {"finished_at": timezone.now() - timedelta(hours=25)},
    "given up": {"state": "failed"},
    "cost only": {"options": {"cost_only": True}},
    "no layers": {"options": {"blobs": "none"}},
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_report_that_says_less_does_not_count(owner: Person, flaw: str) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    want_reports(owner)
    report(owner.actor, mapping, "quay.io/acme", **FLAWS[flaw])

    with pytest.raises(PermissionDenied) as refusal:
        by_verb(owner, mapping)

    assert refusal.value.code is Code.REPORT_REQUIRED


def test_the_newest_report_decides_and_it_is_about_this_switch(owner: Person) -> None:
    mapping, other = (add_at(owner.actor, owner.hostname.name, prefix) for prefix in ("app", "web"))
    want_reports(owner)
    report(owner.actor, other, "quay.io/acme")
    report(owner.actor, mapping, "quay.io/elsewhere")
    with pytest.raises(PermissionDenied, match="there is none"):
        by_verb(owner, mapping)

    report(owner.actor, mapping, "quay.io/acme")
    report(owner.actor, mapping, "quay.io/acme", difference_count=1)
    with pytest.raises(PermissionDenied, match="found differences"):
        by_verb(owner, mapping)


def test_options_that_change_along_with_it_are_another_switch(owner: Person) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    want_reports(owner)
    report(owner.actor, mapping, "quay.io/acme")

    with pytest.raises(PermissionDenied):
        update_mapping(owner.actor, "r", mapping_id=mapping.pk, target="quay.io/acme", private=True)


def test_verification_is_skipped_by_nobody(owner: Person) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    want_reports(owner)
    report(owner.actor, mapping, "quay.io/acme")
    at = [mapping.hostname.name, mapping.prefix, "quay.io/acme"]

    said = facade("mapping", "repoint", *at, "--reason", "r", "--skip-verification")
    form = {"target": "quay.io/acme", "reason": "r", "skip_verification": "on"}
    answer = AdminClient(owner.user).fill("mapping_change", mapping.pk, **form)

    assert said.status
    assert "none is repointed without verification" in said.err
    assert "none is repointed without verification" in str(errors_of(answer))
    assert Mapping.objects.with_names().get().registry.authority == "docker.io"


def test_undo_and_roll_back_take_no_report_but_lead_where_it_is_allowed(owner: Person) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    first = mapping.history.first().history_id
    change_set = draft(owner.actor, "r", wishes=[Wish(mapping.pk, parse_target("quay.io/acme"))])
    apply(owner.actor, change_set_id=change_set.pk, checksum=change_set.checksum)
    want_reports(owner)
    allow(owner, "quay.io")

    with pytest.raises(PermissionDenied, match=r"does not allow docker.io"):
        undo(owner.actor, "back", change_set_id=change_set.pk)
    with pytest.raises(ServiceError, match=r"does not allow docker.io"):
        roll_back(owner.actor, "back", mapping_id=mapping.pk, to=first)

    allow(owner, "quay.io", "docker.io")
    undo(owner.actor, "back", change_set_id=change_set.pk)
    assert Mapping.objects.with_names().get().registry.authority == "docker.io"


def test_a_standby_that_is_not_allowed_any_more_is_told_where_it_stands(owner: Person) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    registry = Registry.objects.create(name="standby", origin="https://standby.example")
    Mapping.objects.filter(pk=mapping.pk).update(standby_registry=registry, standby_prefix="app")
    page = reverse("admin:routing_mapping_change", args=[mapping.pk])
    said = "nobody is led there: the policy of Acme does not allow standby.example"
    assert said not in facade("mapping", "show", owner.hostname.name, "app").out

    allow(owner, "docker.io")

    assert said in facade("mapping", "show", owner.hostname.name, "app").out
    assert said in text_of(AdminClient(owner.user).client.get(page))


def test_to_undo_an_undo_takes_a_report(owner: Person) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    change_set = by_set(owner, mapping)
    want_reports(owner)
    back = undo(owner.actor, "back", change_set_id=change_set.pk)

    with pytest.raises(PermissionDenied, match="clean report of exactly this switch"):
        undo(owner.actor, "forth", change_set_id=back.pk)

    report(owner.actor, mapping, "quay.io/acme")
    forth = undo(owner.actor, "forth", change_set_id=back.pk)
    Verification.objects.all().delete()
    again = undo(owner.actor, "back", change_set_id=forth.pk)
    with pytest.raises(PermissionDenied, match="clean report of exactly this switch"):
        undo(owner.actor, "forth", change_set_id=again.pk)


def test_a_roll_back_of_the_last_switch_takes_no_report_and_any_other_does(owner: Person) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    first = led_to(owner, mapping, "docker.io/acme/app")
    second, third = (led_to(owner, mapping, target) for target in ("quay.io/acme", "ghcr.io/acme"))
    want_reports(owner)

    with pytest.raises(PermissionDenied, match=r"facade verify docker.acme.com app --to docker.io/acme/app"):
        roll_back(owner.actor, "r", mapping_id=mapping.pk, to=first)
    roll_back(owner.actor, "back", mapping_id=mapping.pk, to=second)
    with pytest.raises(PermissionDenied, match="clean report of exactly this switch"):
        roll_back(owner.actor, "forth", mapping_id=mapping.pk, to=third)
    roll_back(owner.actor, "back once more", mapping_id=mapping.pk, to=first)
    assert Mapping.objects.with_names().get().target == "docker.io/acme/app"


@pytest.mark.parametrize("is_set", [True, False])
def test_what_was_undone_is_not_rolled_back_to_without_a_report(owner: Person, is_set: bool) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    first = mapping.history.get().history_id
    if is_set:
        undo(owner.actor, "back", change_set_id=by_set(owner, mapping).pk)
        bad = mapping.history.order_by("history_id")[1].history_id
    else:
        bad = led_to(owner, mapping, "quay.io/acme")
        roll_back(owner.actor, "back", mapping_id=mapping.pk, to=first)
    want_reports(owner)

    with pytest.raises(PermissionDenied, match="clean report of exactly this switch"):
        roll_back(owner.actor, "forth", mapping_id=mapping.pk, to=bad)

    report(owner.actor, mapping, "quay.io/acme")
    roll_back(owner.actor, "forth", mapping_id=mapping.pk, to=bad)
    roll_back(owner.actor, "back", mapping_id=mapping.pk, to=first)


def test_a_standby_that_was_failed_back_from_is_no_way_back(owner: Person) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    led_to(owner, mapping, "ghcr.io/acme")
    Mapping.objects.update(standby_registry=Registry.objects.get(origin="https://quay.io"), standby_prefix="acme")
    for deed in (fail_over, lead_back):
        with unit_of_work(owner.actor, "r") as unit:
            deed(unit, Mapping.objects.with_names().get())
    over, back = mapping.history.order_by("history_id")[2:4]
    first = mapping.history.earliest("history_id")
    assert (over.upstream_prefix, back.upstream_prefix) == ("acme", "acme")
    assert over.registry_id != back.registry_id
    Mapping.objects.update(standby_registry=None, standby_prefix="")
    want_reports(owner)

    with pytest.raises(PermissionDenied, match="clean report of exactly this switch"):
        roll_back(owner.actor, "r", mapping_id=mapping.pk, to=over.history_id)
    roll_back(owner.actor, "r", mapping_id=mapping.pk, to=first.history_id)
    assert Mapping.objects.with_names().get().target == "docker.io/acme/app"


def test_a_registry_that_has_moved_since_is_no_way_back(owner: Person) -> None:
    own = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Own", origin="https://registry.acme.example")
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    there = led_to(owner, mapping, "registry.acme.example/x")
    led_to(owner, mapping, "quay.io/acme")
    want_reports(owner)
    update_registry(owner.actor, "r", registry_id=own.pk, origin="https://elsewhere.acme.example")

    with pytest.raises(PermissionDenied, match="clean report of exactly this switch"):
        roll_back(owner.actor, "back", mapping_id=mapping.pk, to=there)


def led_to(owner: Person, mapping: Mapping, target: str) -> int:
    """The entry of the history that leads there."""
    repoint(owner.actor, "r", hostname=mapping.hostname.name, prefix=mapping.prefix, target=target)
    return int(mapping.history.latest("history_id").history_id)


def by_set(owner: Person, mapping: Mapping) -> ChangeSet:
    change_set = draft(owner.actor, "r", wishes=[Wish(mapping.pk, parse_target("quay.io/acme"))])
    return apply(owner.actor, change_set_id=change_set.pk, checksum=change_set.checksum)


def test_other_doors_hold_to_the_registries_too(owner: Person, outsider: Person, platform: Actor) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    own = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Own", origin="https://registry.acme.example")
    allow(owner, "docker.io", "registry.acme.example")
    add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="own", target="registry.acme.example/x")
    quay = Registry.objects.get(origin="https://quay.io")
    report(owner.actor, mapping, "docker.io/elsewhere")
    add_at(outsider.actor, outsider.hostname.name, "app")
    update_mapping(outsider.actor, "r", mapping_id=Mapping.objects.latest("pk").pk, target="quay.io/acme")

    doors: list[Callable[[], object]] = [
        lambda: add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="n", target="quay.io/acme"),
        lambda: name_standby(owner.actor, "", mapping_id=mapping.pk, target="quay.io/acme"),
        lambda: update_hostname(owner.actor, "", hostname_id=owner.hostname.pk, login_registry_id=quay.pk),
        lambda: update_registry(owner.actor, "r", registry_id=own.pk, origin="https://evil.example"),
        lambda: resolve(Candidate(mapping.pk, "quay.io/acme"), owner.actor),
        lambda: draft(owner.actor, "r", wishes=[Wish(mapping.pk, parse_target("quay.io/acme"))]),
        lambda: hand_over_hostname(platform, "", hostname_id=outsider.hostname.pk, tenant_id=owner.tenant.pk),
    ]
    for door in doors:
        with pytest.raises(ServiceError, match="policy of Acme does not allow"):
            door()


def test_a_registry_that_is_called_like_an_allowed_one_is_none(owner: Person) -> None:
    add_registry(
        owner.actor, "", tenant_id=owner.tenant.pk, name="x", origin="https://evil.example", alias="registry.acme.org"
    )
    allow(owner, "registry.acme.org")

    with pytest.raises(PermissionDenied):
        add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="n", target="registry.acme.org/x")


def test_a_whole_registrys_new_address_has_no_report(owner: Person) -> None:
    own = add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="Own", origin="https://registry.acme.example")
    add_mapping(owner.actor, "", hostname=owner.hostname.name, prefix="own", target="registry.acme.example/x")
    want_reports(owner)

    with pytest.raises(PermissionDenied) as refusal:
        update_registry(owner.actor, "r", registry_id=own.pk, origin="https://new.acme.example")

    assert refusal.value.code is Code.REPORT_REQUIRED


def test_what_stands_outside_stays_and_is_shown(owner: Person) -> None:
    mapping = add_at(owner.actor, owner.hostname.name, "app")
    allow(owner, "ghcr.io")

    update_mapping(owner.actor, "", mapping_id=mapping.pk, enabled=False)

    tenant = Tenant.objects.get(pk=owner.tenant.pk)
    assert [row.pk for row in mappings_outside(tenant)] == [mapping.pk]
    page = AdminClient(owner.user).get("tenant_policy", tenant.pk)
    assert f"/admin/routing/mapping/{mapping.pk}/change/" in page.content.decode()
    told = api_client_for(owner).get(f"tenants/{tenant.slug}/policy").json()
    assert (told["registries"], told["outside_count"]) == ([GHCR], 1)
    assert "docker.acme.com/app" in facade("tenant", "policy", tenant.slug).out


def test_the_command_sets_it(owner: Person) -> None:
    words = [
        "tenant",
        "policy",
        "acme",
        "--registries",
        "ghcr.io",
        "docker.io",
        "--clean-reports",
        "on",
        "--reason",
        "r",
    ]

    first, again = facade(*words), facade(*words)
    tenant = Tenant.objects.get(pk=owner.tenant.pk)

    assert "Changed the policy of acme" in first.out
    assert "already" in again.out
    assert (tenant.allowed_origins, tenant.needs_clean_reports) == ([GHCR, "https://registry-1.docker.io"], True)
    facade("tenant", "policy", "acme", "--any-registry", "--clean-reports", "off", "--reason", "r")
    assert Tenant.objects.get(pk=owner.tenant.pk).allowed_origins == []


# ---------------------------------------------------------------- races
def test_a_policy_that_changed_since_the_draft_holds(owner: Person, mappings: list[Mapping], drafted: Drafting) -> None:
    change_set = drafted()
    allow(owner, "docker.io")

    with pytest.raises(ServiceError, match=r"does not allow ghcr.io"):
        apply(owner.actor, change_set_id=change_set.pk, checksum=change_set.checksum)

    assert {mapping.registry.authority for mapping in Mapping.objects.with_names()} == {"docker.io"}
    with pytest.raises(ServiceError, match=r"does not allow ghcr.io"):
        planned(owner.actor, change_set)


@pytest.mark.parametrize("tightened", [allow, want_reports])
def test_a_scheduled_set_is_not_applied_and_says_why(
    owner: Person, mappings: list[Mapping], drafted: Drafting, tightened: Callable[..., None]
) -> None:
    change_set = planned(owner.actor, drafted())
    if tightened is allow:
        allow(owner, "docker.io")
    else:
        want_reports(owner)

    after: ChangeSet = its_time_comes(change_set)

    assert after.state == "draft"
    assert "the policy of Acme" in after.refusal
    assert {mapping.registry.authority for mapping in Mapping.objects.with_names()} == {"docker.io"}


# ---------------------------------------------------------------- loosening
@pytest.fixture
def strict(owner: Person, second_owner: Person) -> Person:
    """The owner of a tenant that wants all there is, and that has another owner."""
    change_policy(
        owner.actor,
        "r",
        tenant_id=owner.tenant.pk,
        registries=["ghcr.io"],
        needs_clean_reports=True,
        needs_approval=True,
    )
    return owner


LOOSER: list[dict[str, object]] = [
    {"registries": []},
    {"registries": ["ghcr.io", "quay.io"]},
    {"registries": ["quay.io"]},
    {"needs_clean_reports": False},
    {"needs_approval": False},
]


def policy_of(person: Person) -> Tenant:
    return Tenant.objects.get(pk=person.tenant.pk)


@pytest.mark.parametrize("wish", LOOSER, ids=str)
def test_nobody_loosens_it_alone(strict: Person, second_owner: Person, wish: dict[str, object]) -> None:
    before = (policy_of(strict).allowed_registries, True, True)

    outcome = change_policy(strict.actor, "why", tenant_id=strict.tenant.pk, **wish)  # type: ignore[arg-type]

    tenant = policy_of(strict)
    assert (outcome.changed, outcome.waits) == (False, True)
    assert (tenant.allowed_registries, tenant.needs_clean_reports, tenant.needs_approval) == before
    checksum = checksum_of_request(tenant)
    with pytest.raises(PermissionDenied, match="ask another owner"):
        confirm_policy(strict.actor, tenant_id=tenant.pk, checksum=checksum)
    token = Actor.token(strict.user, "t", None, False)
    with pytest.raises(PermissionDenied, match="ask another owner"):
        confirm_policy(token, tenant_id=tenant.pk, checksum=checksum)
    with pytest.raises(Conflict, match="another by now"):
        confirm_policy(second_owner.actor, tenant_id=tenant.pk, checksum="other")

    confirm_policy(second_owner.actor, tenant_id=tenant.pk, checksum=checksum)

    tenant = policy_of(strict)
    assert (tenant.allowed_registries, tenant.needs_clean_reports, tenant.needs_approval) != before
    assert tenant.policy_request is None
    assert tenant.history.first().actor == "bob"


def test_the_former_door_waits_as_well(strict: Person) -> None:
    answer = api_client_for(strict).send("put", f"tenants/{strict.tenant.slug}/approval", needed=False)

    assert (answer.status_code, answer.json()["needs_approval"]) == (202, True)
    assert not require_approval(strict.actor, "", tenant_id=strict.tenant.pk, needed=False).changed


def test_what_is_stricter_takes_nobody_and_ends_what_waited(strict: Person, second_owner: Person) -> None:
    change_policy(strict.actor, "", tenant_id=strict.tenant.pk, registries=["ghcr.io", "quay.io"])
    checksum = checksum_of_request(policy_of(strict))
    Tenant.objects.filter(pk=strict.tenant.pk).update(needs_clean_reports=False)

    assert change_policy(strict.actor, "", tenant_id=strict.tenant.pk, needs_clean_reports=True).changed

    with pytest.raises(Conflict, match="waits to be confirmed"):
        confirm_policy(second_owner.actor, tenant_id=strict.tenant.pk, checksum=checksum)


def test_who_is_an_owner_no_more_has_asked_for_nothing(strict: Person, second_owner: Person) -> None:
    change_policy(strict.actor, "", tenant_id=strict.tenant.pk, needs_approval=False)
    Membership.objects.filter(user=strict.user).update(role=Role.OPERATOR)

    with pytest.raises(ServiceError, match="may not do that any more"):
        confirm_policy(second_owner.actor, tenant_id=strict.tenant.pk, checksum=checksum_of_request(policy_of(strict)))
    assert withdraw_policy_request(second_owner.actor, tenant_id=strict.tenant.pk).changed
    assert policy_of(strict).policy_request is None


def test_without_approval_and_for_operators_nobody_is_asked(owner: Person, strict: Person, platform: Actor) -> None:
    assert change_policy(platform, "", tenant_id=strict.tenant.pk, needs_approval=False).changed
    assert change_policy(owner.actor, "", tenant_id=strict.tenant.pk, registries=[]).changed


def test_no_operator_of_the_tenant_sets_it(owner: Person, teammate: Person, outsider: Person) -> None:
    for person in (teammate, outsider):
        with pytest.raises(ServiceError):
            change_policy(person.actor, "", tenant_id=owner.tenant.pk, needs_clean_reports=True)
    answer = AdminClient(teammate.user).client.post(
        AdminClient(teammate.user).url("tenant_policy", owner.tenant.pk), {"deed": "change", "version": 1}
    )
    assert answer.status_code in (403, 404)


def test_owners_ask_and_confirm_on_the_page(strict: Person, second_owner: Person) -> None:
    alice, bob = AdminClient(strict.user), AdminClient(second_owner.user)
    url = alice.url("tenant_policy", strict.tenant.pk)
    wish = {"deed": "change", "version": policy_of(strict).version, "registries": "ghcr.io\nquay.io", "reason": "quay"}

    alice.client.post(url, {**wish, "needs_clean_reports": "on", "needs_approval": "on"})
    assert policy_of(strict).allowed_registries == GHCR
    page = bob.client.get(url).content.decode()
    assert "alice asks for a looser policy" in page
    assert "quay.io" in page
    bob.client.post(url, {"deed": "confirm", "checksum": checksum_of_request(policy_of(strict))})

    assert policy_of(strict).allowed_registries == "https://ghcr.io https://quay.io"


def test_the_api_takes_an_etag(owner: Person) -> None:
    api = api_client_for(owner)
    etag = api.get("tenants/acme/policy")["ETag"]

    first = api.send("patch", "tenants/acme/policy", headers={"If-Match": etag}, registries=["ghcr.io"])
    second = api.send("patch", "tenants/acme/policy", headers={"If-Match": etag}, registries=["quay.io"])

    assert (first.status_code, second.status_code) == (200, 412)
    assert first.json()["registries"] == [GHCR]


# ---------------------------------------------------------------- documents
def test_a_document_holds_it_and_one_without_it_loosens_none(strict: Person) -> None:
    me = Actor.command_line()
    text = "".join(write_document(current_document(me)))
    assert 'allowed_registries: "https://ghcr.io"' in text
    assert not apply_document(me, "", read_document(text)).steps

    older = "".join(
        line
        for line in text.splitlines(keepends=True)
        if not any(name in line for name in ("allowed_registries", "needs_"))
    )
    assert not apply_document(me, "", read_document(older)).steps
    assert policy_of(strict).needs_approval

    apply_document(me, "", read_document(text.replace('"https://ghcr.io"\n    needs', '""\n    needs')))
    assert policy_of(strict).allowed_registries == ""


@pytest.mark.parametrize("wrong", ["ghcr.io/acme", "10.0.0.1.", "https://", "a b"])
def test_a_registry_is_named_without_a_path(owner: Person, wrong: str) -> None:
    with pytest.raises(ServiceError):
        change_policy(owner.actor, "", tenant_id=owner.tenant.pk, registries=[wrong, "ghcr.io/x"])
