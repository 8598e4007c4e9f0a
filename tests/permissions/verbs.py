"""How each verb is called for the table: always with input that would be good, if the role were."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.utils import timezone

from routing import services
from routing.core.pull_counts import Grain
from routing.models import Membership, Registry, Role, Tenant
from routing.publish.documents import Surroundings
from routing.services.base import confirmation, history_check, labels, restoration
from routing.services.base.actor import Actor
from routing.services.base.policy import checksum_of_request
from routing.services.changes import applying, approval, drafts, imports, policy, reports, schedule, steps
from routing.services.changes.plan import plan_of
from routing.services.changes.wishes import Wish
from routing.services.configuration import apply, current
from routing.services.configuration.document import VERSION, Document, TenantItem
from routing.services.hostnames import claims, hostnames, proof_checks, self_tests
from routing.services.leaving import exports, hand_over, person_removal, tenant_removal
from routing.services.lists import columns, saved_filters
from routing.services.mappings import as_of, contacts, explain, fallback, mappings, publication, signatures
from routing.services.people import api_tokens, members, notes, tenants
from routing.services.registries import accounts, health, probe_jobs, probes, registries
from routing.services.routes import published
from routing.services.standbys import standbys
from routing.services.telling import subscriptions
from routing.services.verifications import verifications
from routing.services.verifications.candidates import Candidate
from tests.permissions.world import World

#: Functions that take an actor and are no verbs: they judge, or are asked by verbs.
NOT_VERBS = frozenset(
    {
        "applying.may_vouch",
        "checking.checking",
        "checking.spend_check",
        "columns.columns_of",
        "events.announce",
        "health.health_of",
        "hostnames.find_hostname",
        "near.near_hostnames",
        # What they give is asked for by lists, within what the asker may see.
        "saved_filters.find_filter",
        "saved_filters.may_change",
        "saved_filters.seen_filters",
        # What they give is asked for once more by the verb.
        "drafts.present_mappings",
        "imports.wishes_of_csv",
        "judging.check_room",
        "reports.report_of",
        "standbys.take_standby_away",
        "wishes.wishes_to_repoint",
        "past.count_entries",
        "past.past_entries",
        "prospect.prospect_of",
        "reading.client_versions",
        "reading.count_pulls",
        "reading.found_in_pulls",
        "reading.orphans",
        "reading.over_time",
        "reading.pulls_by_mapping",
        "reading.pulls_of",
        "reading.references",
        "reading.shares",
        "reading.timeline",
        "reading.totals",
        "rules.check_may_lead",
        "self_tests.check_room_for_self_tests",
        "rules.refuse_whole_shared",
        "person.person_of",
        "permissions.has_permission",
        "permissions.has_permission_anywhere",
        "permissions.check_permission",
        "permissions.role_in",
        "permissions.tenants_with",
        "quotas.check_quota",
        "rates.spend_change",
        "refused_writes.refused_writes",
        "repointing.look_before",
        "unit_of_work.unit_of_work",
        "notes.may_read_notes",
        "notes.may_remove_note",
    }
)

Deed = Callable[[Actor, World], Any]
_OPTIONS: dict[str, Any] = {"allow_push": True, "private": False, "delivery": "auto", "enabled": True}


def known_verbs() -> set[str]:
    """Every public function of `routing.services` whose first argument is the actor, as `module.function`."""
    found = set()
    for module_info in pkgutil.walk_packages(services.__path__, f"{services.__name__}."):
        module = import_module(module_info.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and next(iter(inspect.signature(function).parameters), "") == "actor":
                found.add(f"{module_info.name.rpartition('.')[2]}.{name}")
    return found


def _token(actor: Actor, user: Any) -> Any:
    return api_tokens.create_api_token(actor, user=user, name="new").token


def _claim(actor: Actor, world: World) -> Any:
    return claims.claim_hostname(actor, tenant_id=world["tenant"].pk, name="more.sesame.example")


def _vouch(actor: Actor, world: World) -> Any:
    return claims.vouch_hostname(actor, "r", tenant_id=world["tenant"].pk, name="more.sesame.example")


def _map(actor: Actor, world: World, target: str) -> Any:
    return mappings.add_mapping(actor, "r", hostname=world["hostname"].name, prefix="new", target=target)


def _repoint(actor: Actor, world: World, target: str) -> Any:
    return mappings.repoint(actor, "r", hostname=world["hostname"].name, prefix="app", target=target)


def _edit(actor: Actor, world: World) -> Any:
    return mappings.update_mapping(actor, "r", mapping_id=world["mapping"].pk, target="quay.io/more", **_OPTIONS)


def _new_hostname(actor: Actor, world: World) -> Any:
    return hostnames.add_hostname(actor, "r", tenant_id=world["tenant"].pk, name="more.sesame.example")


def _new_registry(actor: Actor, owner: Tenant | None) -> Any:
    tenant_id = None if owner is None else owner.pk
    return registries.add_registry(actor, "r", tenant_id=tenant_id, name="n", origin="https://registry.new.example")


def _change_registry(actor: Actor, row: Registry) -> Any:
    return registries.update_registry(actor, "r", registry_id=row.pk, name="another name")


def _set_account(actor: Actor, row: Registry) -> Any:
    return accounts.set_account(actor, "r", registry_id=row.pk, user="robot", password="another secret")


def _change_hostname(actor: Actor, world: World, **changes: Any) -> Any:
    return hostnames.update_hostname(actor, "r", hostname_id=world["hostname"].pk, **changes)


def _invite(actor: Actor, world: World) -> Any:
    return members.invite(actor, tenant_id=world["tenant"].pk, email="a@example.com", role=Role.OWNER)


def _add_member(actor: Actor, world: World) -> Any:
    return members.add_member(actor, tenant_id=world["tenant"].pk, user=world.people["outsider"], role=Role.OWNER)


def _own_membership(actor: Actor, world: World) -> int:
    # Who has none names one that isn't there.
    own = Membership.objects.filter(tenant=world["tenant"], user=actor.user.pk).first()
    return own.pk if own else 0


def _reviewed(world: World) -> dict[str, Any]:
    return {"change_set_id": world["change set"].pk, "checksum": world["change set"].checksum}


#: By verb and, where the table has several lines for one, by what it is done to.
DEEDS: dict[tuple[str, str], Deed] = {
    ("applying.apply", "change set"): lambda a, w: applying.apply(a, **_reviewed(w)),
    ("applying.roll_back", "moved mapping"): lambda a, w: applying.roll_back(
        a, "r", mapping_id=w["moved mapping"].pk, to=w["moved mapping"].history.last().history_id
    ),
    ("applying.undo", "applied change set"): lambda a, w: applying.undo(
        a, "r", change_set_id=w["applied change set"].pk
    ),
    ("approval.approve", "change set"): lambda a, w: approval.approve(a, **_reviewed(w)),
    ("approval.require_approval", "."): lambda a, w: approval.require_approval(
        a, "r", tenant_id=w["tenant"].pk, needed=True
    ),
    ("policy.change_policy", "."): lambda a, w: policy.change_policy(
        a, "r", tenant_id=w["tenant"].pk, needs_clean_reports=True
    ),
    ("policy.confirm_policy", "."): lambda a, w: policy.confirm_policy(
        a, tenant_id=w["tenant"].pk, checksum=checksum_of_request(w["tenant"])
    ),
    ("policy.withdraw_policy_request", "."): lambda a, w: policy.withdraw_policy_request(a, tenant_id=w["tenant"].pk),
    ("drafts.discard", "change set"): lambda a, w: drafts.discard(a, change_set_id=w["change set"].pk),
    ("drafts.draft", "."): lambda a, w: drafts.draft(a, "r", wishes=[Wish(w["mapping"].pk, None, {"private": True})]),
    ("drafts.get_change_set", "change set"): lambda a, w: drafts.get_change_set(a, w["change set"].pk),
    ("drafts.get_differences", "change set"): lambda a, w: drafts.get_differences(a, w["change set"].pk),
    ("imports.preview_import", "."): lambda a, w: (
        imports.preview_import(a, f"hostname,prefix\n{w['hostname'].name},\n").counts
    ),
    ("reports.verify_set", "moving change set"): lambda a, w: reports.verify_set(
        a, change_set_id=w["moving change set"].pk
    ),
    ("drafts.redraft", "change set"): lambda a, w: drafts.redraft(a, change_set_id=w["change set"].pk, message="m"),
    ("saved_filters.get_filter", "shared filter"): lambda a, w: saved_filters.get_filter(a, w["shared filter"].pk),
    ("saved_filters.get_filter", "another's filter"): lambda a, w: saved_filters.get_filter(
        a, w["another's filter"].pk
    ),
    ("saved_filters.save_filter", "for oneself"): (
        lambda a, w: saved_filters.save_filter(a, noun="mapping", name="new", terms={"state": "off"})
    ),
    ("saved_filters.save_filter", "shared"): (
        lambda a, w: saved_filters.save_filter(
            a, noun="mapping", name="new", terms={"state": "off"}, tenant_id=w["tenant"].pk
        )
    ),
    **{
        ("saved_filters.update_filter", subject): (
            lambda a, w, subject=subject: saved_filters.update_filter(a, filter_id=w[subject].pk, name="renamed")  # type: ignore[misc]
        )
        for subject in ("shared filter", "another's filter")
    },
    **{
        ("saved_filters.remove_filter", subject): (
            lambda a, w, subject=subject: saved_filters.remove_filter(a, filter_id=w[subject].pk)  # type: ignore[misc]
        )
        for subject in ("shared filter", "another's filter")
    },
    ("columns.choose_columns", "for oneself"): lambda a, w: columns.choose_columns(
        a, noun="mapping", columns=["pulls"]
    ),
    ("api_tokens.create_api_token", "for oneself"): lambda a, w: _token(a, a.user),
    ("api_tokens.create_api_token", "for another"): lambda a, w: _token(a, w["account"]),
    ("api_tokens.revoke_api_token", "another's"): (
        lambda a, w: api_tokens.revoke_api_token(a, token_id=w["API token"].pk)
    ),
    ("api_tokens.revoke_every_api_token", "another's"): (
        lambda a, w: api_tokens.revoke_every_api_token(a, user=w["API token"].user)
    ),
    ("as_of.get_mappings_at", "."): lambda a, w: as_of.get_mappings_at(a, timezone.now(), hostname=w["hostname"].name),
    ("claims.claim_hostname", "."): _claim,
    ("claims.remove_claim", "."): lambda a, w: claims.remove_claim(a, claim_id=w["claim"].pk),
    ("claims.get_claim", "."): lambda a, w: claims.get_claim(a, w["claim"].pk),
    ("claims.check_claim", "."): lambda a, w: claims.check_claim(a, claim_id=w["claim"].pk),
    ("claims.vouch_hostname", "."): _vouch,
    ("explain.explain", "."): lambda a, w: explain.explain(a, f"{w['hostname'].name}/app:1"),
    ("hostnames.get_hostname", "."): lambda a, w: hostnames.get_hostname(a, w["hostname"].pk),
    ("self_tests.get_self_test", "."): lambda a, w: self_tests.get_self_test(a, self_test_id=w["self-test"].pk),
    ("self_tests.get_self_tests", "."): lambda a, w: self_tests.get_self_tests(a, w["hostname"].pk),
    ("self_tests.share_self_test", "."): lambda a, w: self_tests.share_self_test(
        a, "r", self_test_id=w["self-test"].pk
    ),
    ("self_tests.unshare_self_test", "."): lambda a, w: self_tests.unshare_self_test(
        a, "r", self_test_id=w["shared self-test"].pk
    ),
    ("contacts.get_contacts", "."): lambda a, w: contacts.get_contacts(a, w["hostname"].pk),
    ("contacts.get_appearances", "."): lambda a, w: contacts.get_appearances(a, w["hostname"].pk),
    ("fallback.get_fallback", "."): lambda a, w: fallback.get_fallback(a, w["hostname"].pk, fallback.Client.PODMAN),
    ("signatures.get_signature_lines", "."): (
        lambda a, w: signatures.get_signature_lines(a, w["hostname"].pk, signatures.LinesFor.POLICY)
    ),
    ("hostnames.add_hostname", "."): _new_hostname,
    ("hostnames.update_hostname", "a switch"): lambda a, w: _change_hostname(a, w, enabled=False),
    ("hostnames.update_hostname", "its suspension"): lambda a, w: _change_hostname(a, w, suspended=True),
    ("hostnames.suspend_hostnames", "."): (
        lambda a, w: hostnames.suspend_hostnames(a, "r", hostname_ids=[w["hostname"].pk], suspended=True)
    ),
    ("hostnames.remove_hostname", "."): (
        lambda a, w: hostnames.remove_hostname(a, "r", hostname_id=w["idle hostname"].pk)
    ),
    ("exports.export_tenant", "."): lambda a, w: "".join(exports.export_tenant(a, tenant_id=w["tenant"].pk)),
    ("exports.export_person", "another"): lambda a, w: "".join(exports.export_person(a, user_id=w["account"].pk)),
    ("exports.export_person", "oneself"): lambda a, w: "".join(exports.export_person(a, user_id=a.user.pk)),
    ("hand_over.get_hand_over", "."): lambda a, w: hand_over.get_hand_over(
        a, hostname_id=w["hostname"].pk, tenant_id=w["elsewhere"].pk
    ),
    ("hand_over.hand_over_hostname", "."): lambda a, w: hand_over.hand_over_hostname(
        a, "r", hostname_id=w["hostname"].pk, tenant_id=w["elsewhere"].pk, copy_registries=True
    ),
    ("history_check.check_history", "."): lambda a, w: history_check.check_history(a),
    ("mappings.get_mapping", "."): lambda a, w: mappings.get_mapping(a, w["hostname"].name, "app"),
    ("mappings.add_mapping", "a part of a registry"): lambda a, w: _map(a, w, "quay.io/new"),
    ("mappings.add_mapping", "all of a shared registry"): lambda a, w: _map(a, w, "127.0.0.1:11"),
    ("mappings.repoint", "a part of a registry"): lambda a, w: _repoint(a, w, "quay.io/new"),
    ("mappings.repoint", "all of a shared registry"): lambda a, w: _repoint(a, w, "127.0.0.1:11"),
    ("mappings.update_mapping", "."): _edit,
    **{
        ("labels.change_labels", f"own {subject}" if subject == "registry" else subject): (
            lambda a, w, subject=subject: labels.change_labels(  # type: ignore[misc]
                a, "r", model=type(w[subject]), ids=[w[subject].pk], add=["team=web"]
            )
        )
        for subject in ("mapping", "hostname", "registry", "shared registry")
    },
    **{
        ("notes.get_notes", f"own {subject}" if subject == "registry" else subject): (
            lambda a, w, subject=subject: list(  # type: ignore[misc]
                notes.get_notes(a, noun=subject.rpartition(" ")[2], pk=w[subject].pk)
            )
        )
        for subject in ("mapping", "hostname", "registry", "shared registry", "tenant")
    },
    **{
        ("notes.add_note", f"own {subject}" if subject == "registry" else subject): (
            lambda a, w, subject=subject: notes.add_note(  # type: ignore[misc]
                a, noun=subject.rpartition(" ")[2], pk=w[subject].pk, text="noted"
            )
        )
        for subject in ("mapping", "hostname", "registry", "shared registry", "tenant")
    },
    ("notes.remove_note", "another's"): lambda a, w: notes.remove_note(a, note_id=w["note"].pk),
    ("notes.remove_note", "an operator's"): lambda a, w: notes.remove_note(a, note_id=w["note by an operator"].pk),
    ("notes.remove_note", "of the platform"): lambda a, w: notes.remove_note(a, note_id=w["note of the platform"].pk),
    ("mappings.switch_mappings", "."): (
        lambda a, w: mappings.switch_mappings(a, "r", mapping_ids=[w["mapping"].pk], enabled=False)
    ),
    ("mappings.remove_mapping", "."): (
        lambda a, w: mappings.remove_mapping(a, "r", hostname=w["hostname"].name, prefix="app")
    ),
    ("mappings.remove_mappings", "."): lambda a, w: mappings.remove_mappings(a, "r", mapping_ids=[w["mapping"].pk]),
    ("members.invite", "."): _invite,
    ("members.withdraw_invitation", "."): lambda a, w: members.withdraw_invitation(a, invitation_id=w["invitation"].pk),
    ("members.get_invitation", "."): lambda a, w: members.get_invitation(a, w["invitation"].pk),
    ("members.get_member", "."): lambda a, w: members.get_member(a, w["member"].pk),
    ("members.account_of", "."): lambda a, w: members.account_of(a, w["account"].username),
    ("members.add_member", "."): _add_member,
    ("members.change_role", "."): lambda a, w: members.change_role(a, membership_id=w["member"].pk, role=Role.OWNER),
    ("members.remove_member", "another"): lambda a, w: members.remove_member(a, membership_id=w["member"].pk),
    ("members.remove_member", "oneself"): lambda a, w: members.remove_member(a, membership_id=_own_membership(a, w)),
    ("person_removal.get_person", "another"): lambda a, w: person_removal.get_person(a, w["account"].pk),
    ("person_removal.get_person_removal", "another"): (
        lambda a, w: person_removal.get_person_removal(a, user_id=w["account"].pk, erase=True)
    ),
    ("person_removal.get_person_removal", "oneself"): (
        lambda a, w: person_removal.get_person_removal(a, user_id=a.user.pk)
    ),
    ("person_removal.remove_person", "another"): (
        lambda a, w: person_removal.remove_person(a, "r", user_id=w["account"].pk, erase=True)
    ),
    ("person_removal.remove_person", "oneself"): lambda a, w: person_removal.remove_person(a, user_id=a.user.pk),
    ("probe_jobs.request_probes", "own registry"): (
        lambda a, w: probe_jobs.request_probes(a, registry_ids=[w["registry"].pk])
    ),
    ("probe_jobs.request_probes", "shared registry"): (
        lambda a, w: probe_jobs.request_probes(a, registry_ids=[w["shared registry"].pk])
    ),
    ("probes.probe", "own registry"): lambda a, w: probes.probe(a, registry_id=w["registry"].pk),
    ("probes.probe", "shared registry"): lambda a, w: probes.probe(a, registry_id=w["shared registry"].pk),
    ("verifications.start_verification", "."): lambda a, w: verifications.start_verification(
        a, candidates=[Candidate(w["mapping"].pk, "quay.io/new")]
    ),
    ("verifications.stop_verification", "."): (
        lambda a, w: verifications.stop_verification(a, verification_id=w["verification"].pk)
    ),
    ("verifications.get_verification", "."): (lambda a, w: verifications.get_verification(a, w["verification"].pk)),
    ("verifications.get_differences", "."): (
        lambda a, w: list(verifications.get_differences(a, verification_id=w["verification"].pk))
    ),
    ("probes.probe_mapping", "."): lambda a, w: probes.probe_mapping(a, mapping_id=w["mapping"].pk),
    ("proof_checks.check_hostname", "."): lambda a, w: proof_checks.check_hostname(
        a, hostname_id=w["proved hostname"].pk
    ),
    ("registries.add_registry", "an own one"): lambda a, w: _new_registry(a, w["tenant"]),
    ("registries.add_registry", "a shared one"): lambda a, w: _new_registry(a, None),
    ("accounts.set_account", "own registry"): lambda a, w: _set_account(a, w["registry"]),
    ("accounts.set_account", "shared registry"): lambda a, w: _set_account(a, w["shared registry"]),
    ("accounts.remove_account", "own registry"): lambda a, w: accounts.remove_account(
        a, "r", registry_id=w["registry"].pk
    ),
    ("accounts.remove_account", "shared registry"): lambda a, w: accounts.remove_account(
        a, "r", registry_id=w["shared registry"].pk
    ),
    ("publication.publish_mapping", "."): lambda a, w: publication.publish_mapping(
        a, "r", mapping_id=w["mapping"].pk, user="robot", password="secret"
    ),
    ("publication.unpublish_mapping", "published mapping"): lambda a, w: publication.unpublish_mapping(
        a, "r", mapping_id=w["published mapping"].pk
    ),
    ("registries.update_registry", "own registry"): lambda a, w: _change_registry(a, w["registry"]),
    ("registries.update_registry", "shared registry"): lambda a, w: _change_registry(a, w["shared registry"]),
    ("health.get_health", "own registry"): lambda a, w: health.get_health(a, w["registry"].pk, Grain.HOUR),
    ("health.get_health", "shared registry"): lambda a, w: health.get_health(a, w["shared registry"].pk, Grain.HOUR),
    ("registries.get_registry", "own registry"): lambda a, w: registries.get_registry(a, w["registry"].pk),
    ("registries.get_registry", "shared registry"): (lambda a, w: registries.get_registry(a, w["shared registry"].pk)),
    ("registries.remove_registry", "own registry"): (
        lambda a, w: registries.remove_registry(a, "r", registry_id=w["idle registry"].pk)
    ),
    ("registries.remove_registry", "shared registry"): (
        lambda a, w: registries.remove_registry(a, "r", registry_id=w["shared registry"].pk)
    ),
    ("schedule.schedule", "change set"): lambda a, w: schedule.schedule(
        a, **_reviewed(w), at=timezone.now() + timedelta(hours=1)
    ),
    ("steps.apply_in_steps", "moving change set"): lambda a, w: steps.apply_in_steps(
        a,
        change_set_id=w["moving change set"].pk,
        checksum=w["moving change set"].checksum,
        plan=plan_of([5, 100]),
    ),
    ("steps.go_on", "change set in steps"): lambda a, w: steps.go_on(a, change_set_id=w["change set in steps"].pk),
    ("steps.stop_and_return", "change set in steps"): lambda a, w: steps.stop_and_return(
        a, change_set_id=w["change set in steps"].pk
    ),
    ("standbys.name_standby", "."): lambda a, w: standbys.name_standby(
        a, "r", mapping_id=w["mapping"].pk, target="quay.io/new"
    ),
    ("standbys.remove_standby", "standing mapping"): lambda a, w: standbys.remove_standby(
        a, "r", mapping_id=w["standing mapping"].pk
    ),
    ("standbys.fail_back", "standing mapping"): lambda a, w: standbys.fail_back(
        a, "r", mapping_id=w["standing mapping"].pk
    ),
    ("subscriptions.add_subscription", "."): lambda a, w: subscriptions.add_subscription(
        a, tenant_id=w["tenant"].pk, address="https://hooks.sesame.example/more", kinds=["proof"]
    ),
    ("subscriptions.get_subscription", "."): lambda a, w: subscriptions.get_subscription(a, w["subscription"].pk),
    ("subscriptions.update_subscription", "."): (
        lambda a, w: subscriptions.update_subscription(a, subscription_id=w["subscription"].pk, kinds=["registry"])
    ),
    ("subscriptions.renew_secret", "."): (
        lambda a, w: subscriptions.renew_secret(a, subscription_id=w["subscription"].pk)
    ),
    ("subscriptions.try_subscription", "."): (
        lambda a, w: subscriptions.try_subscription(a, subscription_id=w["subscription"].pk)
    ),
    ("subscriptions.send_again", "."): lambda a, w: subscriptions.send_again(a, delivery_id=w["delivery"].pk),
    ("subscriptions.remove_subscription", "."): (
        lambda a, w: subscriptions.remove_subscription(a, subscription_id=w["subscription"].pk)
    ),
    ("tenants.add_tenant", "."): lambda a, w: tenants.add_tenant(a, "r", slug="n", name="n"),
    ("tenants.update_tenant", "."): (
        lambda a, w: tenants.update_tenant(a, "r", tenant_id=w["tenant"].pk, max_mappings=9)
    ),
    ("tenants.suspend_tenants", "."): (
        lambda a, w: tenants.suspend_tenants(a, "r", tenant_ids=[w["tenant"].pk, w["elsewhere"].pk], suspended=True)
    ),
    ("apply.apply_document", "."): lambda a, w: apply.apply_document(
        a, "r", Document(VERSION, None, (TenantItem("new", "New"),))
    ),
    ("published.get_published_routes", "."): lambda a, w: published.get_published_routes(
        a, Surroundings(":80", "127.0.0.1:8000", "http", folder="/etc/envoy")
    ),
    ("current.current_document", "."): lambda a, w: current.current_document(a),
    ("confirmation.confirm_generation", "."): lambda a, w: confirmation.confirm_generation(a),
    ("restoration.get_waiting_restore", "."): lambda a, w: restoration.get_waiting_restore(a),
    ("restoration.confirm_restore", "."): lambda a, w: restoration.confirm_restore(a),
    ("tenant_removal.get_tenant_removal", "."): (
        lambda a, w: tenant_removal.get_tenant_removal(a, tenant_id=w["tenant"].pk)
    ),
    ("tenant_removal.remove_tenant", "an empty one"): (
        lambda a, w: tenant_removal.remove_tenant(a, "r", tenant_id=w["idle tenant"].pk)
    ),
    ("tenant_removal.remove_tenant", "everything"): (
        lambda a, w: tenant_removal.remove_tenant(a, "r", tenant_id=w["tenant"].pk, everything=True)
    ),
}


def reads(verb: str) -> bool:
    """Whether a verb only looks."""
    looks = ("get_", "check_history", "current_", "explain", "export_", "preview_", "account_of")
    return verb.rpartition(".")[2].startswith(looks)
