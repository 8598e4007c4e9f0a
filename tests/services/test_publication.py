"""A mapping is published by an owner's word, and is not any more once it leads to something else."""

from __future__ import annotations

import io

import pytest
from pytest_django import Settings

from routing.conf import policy
from routing.core.table.routing_table import Match, Strategy
from routing.models import Mapping
from routing.registries.auth.accounts import PullAccount, open_account
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.past import Wanted, past_entries
from routing.services.leaving.exports import export_tenant
from routing.services.leaving.hand_over import hand_over_hostname
from routing.services.mappings.explain import explain
from routing.services.mappings.mappings import add_mapping, repoint, update_mapping
from routing.services.mappings.publication import publish_mapping, unpublish_mapping
from routing.services.people.tenants import add_tenant
from routing.services.registries.registries import add_registry, update_registry
from routing.table.load import load_table
from routing.table.row_check import digest_of_rows
from tests.admin.conftest import AdminClient
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
ORIGIN, USER, PASSWORD = "https://registry.acme.com", "acme-robot", "dckr_pat_hunter2 with: odd ünd"
ACCOUNT = PullAccount(USER, PASSWORD)
OLGA = Actor("olga", is_operator=True)


@pytest.fixture
def mapping(owner: Person) -> Mapping:
    add_registry(owner.actor, "", tenant_id=owner.tenant.pk, name="ours", origin=ORIGIN)
    target = "registry.acme.com/team"
    made = add_mapping(
        owner.actor, "", hostname=owner.hostname.name, prefix="team", target=target, private=True
    ).mapping
    return publish_mapping(owner.actor, "open source", mapping_id=made.pk, user=USER, password=PASSWORD)


def matched(mapping: Mapping) -> Match:
    match = load_table(policy()).match_repository(mapping.hostname.name, f"{mapping.prefix}/app")
    assert match is not None
    return match


def is_published(mapping: Mapping) -> bool:
    row = Mapping.objects.get(pk=mapping.pk)
    match = matched(row)
    known = {row.account_user == USER, bool(row.account_sealed), match.strategy is Strategy.PUBLISH}
    known |= {row.account_set_at is not None, open_account(match.registry.account, ORIGIN) == ACCOUNT}
    (answer,) = known
    return answer


def test_the_table_has_it_and_followers_have_the_same(mapping: Mapping) -> None:
    assert is_published(mapping)
    assert load_table(policy()).digest == digest_of_rows()


def test_it_takes_a_reason(owner: Person, mapping: Mapping) -> None:
    with pytest.raises(ServiceError) as refusal:
        publish_mapping(owner.actor, " ", mapping_id=mapping.pk, user=USER, password="another")

    assert "reason" in refusal.value.fields
    assert is_published(mapping)


def test_it_ends_with_a_word(owner: Person, mapping: Mapping) -> None:
    assert unpublish_mapping(owner.actor, "", mapping_id=mapping.pk).changed

    assert not is_published(mapping)
    assert not unpublish_mapping(owner.actor, "", mapping_id=mapping.pk).changed


def test_a_repoint_ends_it_and_says_so(owner: Person, mapping: Mapping) -> None:
    host = owner.hostname.name
    outcome = repoint(owner.actor, "moved", hostname=host, prefix="team", target="registry.acme.com/other")

    assert not is_published(mapping)
    assert any("not published any more" in note for note in outcome.notes)
    repoint(owner.actor, "back", hostname=host, prefix="team", target="registry.acme.com/team")
    assert not is_published(mapping)


def test_another_address_of_its_registry_ends_it(owner: Person, mapping: Mapping) -> None:
    update_registry(owner.actor, "moved", registry_id=mapping.registry_id, origin="https://evil.example")

    assert not is_published(mapping)


def test_another_owner_of_its_hostname_does_not_get_it(owner: Person, mapping: Mapping) -> None:
    globex = add_tenant(OLGA, "", slug="another", name="Another")

    hand_over_hostname(OLGA, "sold", hostname_id=mapping.hostname_id, tenant_id=globex.pk, copy_registries=True)

    assert not is_published(mapping)


def test_its_options_change_without_it(owner: Person, mapping: Mapping) -> None:
    update_mapping(owner.actor, "", mapping_id=mapping.pk, notice="hello", allow_push=True)

    assert is_published(mapping)


def test_its_former_target_ends_with_it(owner: Person, mapping: Mapping, settings: Settings) -> None:
    settings.FACADE_FORMER_TARGET_SECONDS = 600
    host = owner.hostname.name
    repoint(owner.actor, "moved", hostname=host, prefix="team", target="registry.acme.com/other")
    assert Mapping.objects.get(pk=mapping.pk).former

    publish_mapping(owner.actor, "open source", mapping_id=mapping.pk, user=USER, password=PASSWORD)

    assert Mapping.objects.get(pk=mapping.pk).former == ""


def test_the_history_and_every_door_tell_of_it_without_the_password(
    owner: Person, mapping: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, admin = api_client_for(owner), AdminClient(owner.user)
    newest, *_ = past_entries(owner.actor, Wanted(noun="mapping", id=mapping.pk), 0, 5)
    assert newest.reason == "open source"
    assert {step.field for step in newest.changes} == {"account_user", "account_set_at"}

    path = f"mappings/{mapping.pk}"
    shown = [api.get(path).content.decode(), api.get("history").content.decode()]
    body = {"user": USER, "password": PASSWORD, "reason": "r"}
    shown.append(api.send("put", f"{path}/publication", **body).content.decode())
    assert api.get(path).json()["published_at"]
    assert admin.client.post(admin.url("mapping_account", mapping.pk), body).status_code == 302
    for view in ("mapping_change", "mapping_account", "mapping_history"):
        shown.append(admin.get(view, mapping.pk).content.decode())
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    words = ("mapping", "publish", owner.hostname.name, "team", "--user", USER, "--password-stdin", "--reason", "r")
    said = [facade(*words), facade("mapping", "show", owner.hostname.name, "team"), facade("history", "--json")]
    assert [each.status for each in said] == [0, 0, 0], [each.err for each in said]
    shown += [f"{each.out}{each.err}" for each in said]
    shown.append("".join(export_tenant(owner.actor, tenant_id=owner.tenant.pk)))
    sealed = Mapping.objects.get(pk=mapping.pk).account_sealed

    assert is_published(mapping)
    assert not [text for text in shown if PASSWORD in text or sealed in text]

    assert facade("mapping", "unpublish", owner.hostname.name, "team").status == 0
    assert api.get(path).json()["published_at"] is None


def test_explain_says_what_it_means(owner: Person, mapping: Mapping) -> None:
    image = f"{owner.hostname.name}/team/app:1.0"
    said = " ".join(explain(owner.actor, image).advice)
    assert f"everybody pulls without credentials what the account {USER} may read" in said
    assert "docker login" not in said

    Mapping.objects.filter(pk=mapping.pk).update(account_sealed="")
    assert "publish it anew" in " ".join(explain(owner.actor, image).advice)
    assert matched(mapping).strategy is Strategy.PUBLISH


def test_engines_leave_it_to_the_app(owner: Person, mapping: Mapping) -> None:
    done = facade("export-routes", "--format", "nginx", "--report")

    assert "it is published" in f"{done.out}{done.err}"
