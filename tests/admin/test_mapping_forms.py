"""Adding a mapping in one form, and changing where it leads: what is asked, what is refused, what is said."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from routing.core.table.routing_table import Table
from routing.models import Generation, Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import repoint
from tests.admin.conftest import SET_UP, AdminClient, add, errors_of, messages_of, text_of

NEW = {"hostname": "docker.acme.com", "prefix": "acme", "target": "ghcr.io/acme", "create_hostname": "on"}


def generation() -> int:
    return Generation.objects.get(pk=1).value


# ---------------------------------------------------------------- adding


def test_one_form_makes_whatever_is_missing(admin: AdminClient, table: Callable[[], Table]) -> None:
    answer = admin.fill(
        "mapping_add", **NEW | {"target": "https://registry.acme.com:5000/team", "reason": "we moved in"}
    )

    mapping = Mapping.objects.get()
    assert answer["Location"] == admin.url("mapping_change", mapping.pk)
    assert messages_of(answer) == (
        "Added tenant default. Added hostname docker.acme.com. Added registry https://registry.acme.com:5000. "
        "Added mapping docker.acme.com/acme → registry.acme.com:5000/team. "
        "Saved. Pull with: docker pull docker.acme.com/acme/IMAGE "
        "What is known of it: ✓ Mapping: active "
        "? DNS: not looked at; docker.acme.com has to point to this facade "
        "? Certificate: not looked at; clients want one for docker.acme.com "
        "? Registry: not looked at; registry.acme.com:5000 was never probed "
        "? Images: no probe has reached registry.acme.com:5000 yet"
    )
    past = mapping.history.get()
    assert (past.actor, past.history_user, past.history_change_reason) == ("olga", admin.user, "we moved in")
    match = table().match_repository("docker.acme.com", "acme/app")
    assert match is not None
    assert match.registry.origin == "https://registry.acme.com:5000"


def test_options_are_taken(admin: AdminClient) -> None:
    Tenant.objects.create(slug="acme", name="Acme")

    admin.fill("mapping_add", **NEW, tenant="acme", private="on", allow_push="on", delivery="redirect-only")

    mapping = Mapping.objects.get()
    assert (mapping.private, mapping.allow_push, mapping.delivery) == (True, True, "redirect-only")
    assert mapping.hostname.tenant.slug == "acme"


def test_the_whole_hostname_is_an_empty_prefix(admin: AdminClient) -> None:
    admin.fill("mapping_add", **NEW | {"prefix": "", "target": "quay.io/acme"})

    assert str(Mapping.objects.get()) == "docker.acme.com → quay.io/acme"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("hostname", "docker acme", "hostname"),
        ("hostname", "", "required"),
        ("prefix", "Acme!", "not a prefix of a repository name"),
        ("target", "", "required"),
        ("target", "ghcr.io/Acme", "not a repository name"),
        ("target", "ftp://ghcr.io/acme", "not the address of a registry"),
        ("target", "https://user:secret@ghcr.io/acme", "no user name or password"),
        ("target", "https://docker.acme.com/acme", "round in a circle"),
        ("hostname", "ghcr.io", "the address of the registry"),
        ("target", "http://registry.acme.com/team", "not encrypted"),
        ("target", "127.0.0.1:5000/team", "private or loopback"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    admin: AdminClient, settings: LazySettings, field: str, value: str, words: str
) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = False
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False
    typed = NEW | {"reason": "I typed this", "private": "on", field: value}

    answer = admin.fill("mapping_add", **typed)

    assert words in errors_of(answer)[field][0]
    form = answer.context["adminform"].form
    assert {name: form[name].value() for name in typed} == typed | {"private": True, "create_hostname": True}
    assert not Mapping.objects.exists()
    # Nothing that was made on the way stays either.
    assert not Hostname.objects.exists()
    assert generation() == 0


def test_the_same_again_changes_nothing_and_says_so(admin: AdminClient, mapping: Mapping) -> None:
    before = generation()

    answer = admin.fill("mapping_add", **NEW)

    assert messages_of(answer) == "Nothing to change: docker.acme.com/acme → ghcr.io/acme has these values already."
    assert generation() == before


def test_an_address_that_is_taken_leads_to_its_mapping(admin: AdminClient, mapping: Mapping) -> None:
    answer = admin.fill("mapping_add", **NEW | {"target": "quay.io/acme"})

    assert "points to ghcr.io/acme already" in errors_of(answer)["prefix"][0]
    assert f'href="{admin.url("mapping_change", mapping.pk)}"' in answer.content.decode()


def test_a_new_hostname_takes_a_tick_that_appears_when_it_is_needed(admin: AdminClient, mapping: Mapping) -> None:
    assert "Add this hostname" not in text_of(admin.get("mapping_add"))
    typo = NEW | {"hostname": "dockr.acme.com", "prefix": "tools", "create_hostname": ""}

    asked = admin.fill("mapping_add", **typo)

    said = errors_of(asked)["hostname"][0]
    assert said.startswith("dockr.acme.com is not there yet. Did you mean docker.acme.com?")
    assert 'name="create_hostname"' in asked.content.decode()
    assert Hostname.objects.count() == 1
    admin.fill("mapping_add", **typo | {"create_hostname": "on"})
    assert Hostname.objects.count() == 2


def test_a_whole_shared_registry_takes_a_tick(admin: AdminClient, mapping: Mapping) -> None:
    asked = admin.fill("mapping_add", **NEW | {"prefix": "zz", "target": "index.docker.io"})

    assert "this is all of Docker Hub" in errors_of(asked)["target"][0]
    assert 'name="whole_registry"' in asked.content.decode()
    repointed = admin.fill("mapping_change", mapping.pk, target="ghcr.io", reason="all of it")
    assert "this is all of GitHub Container Registry" in errors_of(repointed)["target"][0]
    admin.fill("mapping_change", mapping.pk, target="ghcr.io", reason="all of it", whole_registry="on")
    mapping.refresh_from_db()
    assert mapping.target == "ghcr.io"


def test_all_that_is_wrong_is_said_at_once_where_it_is(
    admin: AdminClient, mapping: Mapping, settings: LazySettings
) -> None:
    settings.FACADE_ALLOW_PRIVATE_REGISTRIES = False

    three = errors_of(admin.fill("mapping_add", hostname="not a host", prefix="ACME", target="ftp://x"))
    taken = errors_of(admin.fill("mapping_add", **NEW | {"target": "https://127.0.0.1/x"}))
    empty = errors_of(admin.fill("mapping_add", hostname="", prefix="ACME", target="ghcr.io/Acme"))
    repointed = errors_of(admin.fill("mapping_change", mapping.pk, target="https://127.0.0.1/x"))

    assert set(three) == {"hostname", "prefix", "target"}
    assert "points to ghcr.io/acme already" in taken["prefix"][0]
    assert "private or loopback" in taken["target"][0]
    assert set(empty) == {"hostname", "prefix", "target"}
    assert set(repointed) == {"reason", "target"}


def test_a_hostname_of_another_tenant_is_refused(admin: AdminClient, mapping: Mapping) -> None:
    Tenant.objects.create(slug="globex", name="Globex")

    answer = admin.fill("mapping_add", **NEW | {"prefix": "other"}, tenant="globex")

    assert "belongs to another tenant" in text_of(answer)


def test_the_form_suggests_hostnames_and_registries(admin: AdminClient, mapping: Mapping) -> None:
    page = admin.get("mapping_add").content.decode()

    assert '<option value="docker.acme.com">default</option>' in page
    assert '<option value="docker.io/">Docker Hub</option>' in page
    assert 'list="id_target_suggestions"' in page
    assert '<datalist id="id_target_suggestions">' in page


def test_the_hostname_can_be_given_beforehand(admin: AdminClient, mapping: Mapping) -> None:
    assert (
        f"{admin.url('mapping_add')}?hostname=docker.acme.com"
        in admin.get("hostname_change", mapping.hostname_id).content.decode()
    )
    assert 'value="docker.acme.com"' in admin.get("mapping_add", hostname="docker.acme.com").content.decode()


def test_save_and_add_another_goes_on(admin: AdminClient) -> None:
    assert admin.fill("mapping_add", **NEW, _addanother="yes")["Location"] == admin.url("mapping_add")


# ---------------------------------------------------------------- changing


def change(admin: AdminClient, mapping: Mapping, **fields: object) -> Any:
    return admin.fill("mapping_change", mapping.pk, **fields)


def test_a_changed_target_asks_for_a_reason(admin: AdminClient, mapping: Mapping) -> None:
    answer = change(admin, mapping, target="quay.io/acme")

    assert errors_of(answer) == {"reason": ["Say why: the reason is kept in the history."]}
    assert answer.context["adminform"].form["target"].value() == "quay.io/acme"
    assert Mapping.objects.get().target == "ghcr.io/acme"


def test_a_repoint_with_a_reason(admin: AdminClient, mapping: Mapping, table: Callable[[], Table]) -> None:
    answer = change(admin, mapping, target="quay.io/acme", reason="new contract")

    assert answer["Location"] == admin.url("mapping_change", mapping.pk)
    assert messages_of(answer) == (
        "Repointed docker.acme.com/acme from ghcr.io/acme to quay.io/acme. "
        "Saved. Pull with: docker pull docker.acme.com/acme/IMAGE "
        "What is known of it: ✓ Mapping: active "
        "? DNS: not looked at; docker.acme.com has to point to this facade "
        "? Certificate: not looked at; clients want one for docker.acme.com "
        "? Registry: not looked at; quay.io was never probed "
        "? Images: no probe has looked for it yet"
    )
    assert mapping.history.latest().history_change_reason == "new contract"
    match = table().match_repository("docker.acme.com", "acme/app")
    assert match is not None
    assert match.registry.origin == "https://quay.io"


@pytest.mark.parametrize("tick", [{}, {"abandon_old": "on"}])
def test_a_repoint_keeps_the_former_target_unless_it_is_abandoned(
    admin: AdminClient, mapping: Mapping, tick: dict[str, str]
) -> None:
    change(admin, mapping, target="quay.io/acme", reason="moved", **tick)

    mapping.refresh_from_db()
    assert bool(mapping.former) is not bool(tick)
    said = "is asked for at ghcr.io/acme" in admin.get("mapping_change", mapping.pk).content.decode()
    assert said is not bool(tick)


def test_a_notice_is_taken_and_one_that_no_client_could_print_is_not(admin: AdminClient, mapping: Mapping) -> None:
    change(admin, mapping, notice="moves to example.com on 1 March")
    refused = change(admin, mapping, notice='say "hi"')

    mapping.refresh_from_db()
    assert mapping.notice == "moves to example.com on 1 March"
    assert "plain ASCII" in errors_of(refused)["notice"][0]


def test_options_need_no_reason(admin: AdminClient, mapping: Mapping) -> None:
    answer = change(admin, mapping, private="on", allow_push="on")

    mapping.refresh_from_db()
    assert (mapping.private, mapping.allow_push, mapping.target) == (True, True, "ghcr.io/acme")
    assert "Changed private, allow push" in messages_of(answer)


def test_who_is_kept_out_is_said_instead_of_how_to_pull(admin: AdminClient, mapping: Mapping) -> None:
    answer = change(admin, mapping, private="on", enabled=False, reason="unpaid")

    mapping.refresh_from_db()
    assert (mapping.private, mapping.enabled, mapping.target) == (True, False, "ghcr.io/acme")
    assert "✗ Mapping: clients are refused: disabled" in messages_of(answer)


def test_nothing_changed_writes_nothing(admin: AdminClient, mapping: Mapping) -> None:
    before = generation()

    answer = change(admin, mapping, reason="just looking")

    assert "Nothing to change" in messages_of(answer)
    assert (generation(), mapping.history.count()) == (before, 1)


def test_hostname_and_prefix_stay_whatever_is_sent(admin: AdminClient, mapping: Mapping) -> None:
    add("docker.globex.com", "globex", "quay.io/globex", tenant="globex")

    change(admin, mapping, hostname="docker.globex.com", prefix="evil", tenant="globex", private="on")

    mapping.refresh_from_db()
    assert (mapping.source, mapping.private) == ("docker.acme.com/acme", True)


def test_a_mapping_onto_an_unencrypted_registry_keeps_it_when_an_option_changes(
    admin: AdminClient, settings: LazySettings
) -> None:
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    mapping = add("docker.acme.com", "acme", "http://127.0.0.1:5000/team")

    answer = change(admin, mapping, private="on")

    mapping.refresh_from_db()
    assert messages_of(answer).startswith("Changed private")
    assert mapping.registry.origin == "http://127.0.0.1:5000"
    assert Registry.objects.filter(tenant=mapping.hostname.tenant).count() == 1


def test_who_changes_it_at_the_same_time_is_not_undone_unawares(admin: AdminClient, mapping: Mapping) -> None:
    form = admin.get("mapping_change", mapping.pk).context["adminform"].form
    sent = {field.html_name: field.value() for field in form if field.value() not in (None, False)}
    repoint(Actor.person(admin.user), "x", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")

    url = admin.url("mapping_change", mapping.pk)
    first = admin.client.post(url, sent | {"target": "docker.io/acme", "reason": "mine"})

    assert "Somebody else changed this mapping meanwhile (olga): points to." in text_of(first)
    assert Mapping.objects.get().target == "quay.io/acme"

    seen = first.context["adminform"].form["version"].value()
    admin.client.post(url, sent | {"target": "docker.io/acme", "reason": "mine", "version": seen})
    assert Mapping.objects.get().target == "docker.io/acme"


# ---------------------------------------------------------------- the page


def test_the_page_shows_the_effect(admin: AdminClient) -> None:
    mapping = add("docker.acme.com", "acme", "mcr.microsoft.com/acme")
    Mapping.objects.update(probed_repository="acme/app", public="yes")
    Mapping.objects.update(blob_delivery="redirect")

    page = text_of(admin.get("mapping_change", mapping.pk))

    assert "docker pull docker.acme.com/acme/IMAGE Copy" in page
    assert "Points to mcr.microsoft.com/acme at Microsoft Artifact Registry" in page
    assert "Push refused here; push to mcr.microsoft.com/acme" in page
    assert "works straight from the registry straight from the registry none" in page


def test_the_page_says_of_nothing_that_it_works_which_no_probe_has_seen(admin: AdminClient, mapping: Mapping) -> None:
    page = text_of(admin.get("mapping_change", mapping.pk))

    assert "Whether this works is not known yet: no probe has looked for it" in page
    assert "not known yet straight from the registry" in page
    assert " works " not in page.replace("this works is", "")


def test_the_page_warns_of_clients_that_fail(admin: AdminClient) -> None:
    mapping = add("docker.acme.com", "acme", "ghcr.io/acme", delivery="redirect-only")

    page = text_of(admin.get("mapping_change", mapping.pk))

    assert "Redirect only: clients other than docker (containerd image store), docker (classic" in page
    assert "fails fail: no token" in page


def test_the_page_shows_who_when_and_why(admin: AdminClient, mapping: Mapping) -> None:
    repoint(SET_UP, "first reason", hostname="docker.acme.com", prefix="acme", target="quay.io/acme")
    change(admin, mapping, target="quay.io/acme-inc", reason="second reason")

    page = text_of(admin.get("mapping_change", mapping.pk))

    history = page.partition("History repointed")[2]
    assert "olga, just now “second reason” target quay.io/acme → quay.io/acme-inc" in history
    assert "program: test set-up, just now “first reason” target ghcr.io/acme → quay.io/acme" in history
    assert (
        f'href="{admin.url("mapping_history", mapping.pk)}"' in admin.get("mapping_change", mapping.pk).content.decode()
    )


def test_a_refused_form_still_shows_what_is_in_force(admin: AdminClient, mapping: Mapping) -> None:
    answer = change(admin, mapping, target="quay.io/acme", enabled=False)

    page = text_of(answer)
    assert "Points to ghcr.io/acme" in page
    assert "State active" in page


def test_a_mapping_that_is_gone_is_said_to_be(admin: AdminClient) -> None:
    answer = admin.get("mapping_change", 4711)

    assert answer.status_code == 302
    assert "4711" in messages_of(answer)
