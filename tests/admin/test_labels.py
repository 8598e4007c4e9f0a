"""Labels on the pages: in forms, as badges in lists, in the filter beside them, and for many rows at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.models import Generation, Hostname, Mapping, Registry, Tenant
from routing.services.base.labels import change_labels
from routing.services.mappings.mappings import update_mapping
from tests.admin.conftest import SET_UP, AdminClient, add, errors_of, messages_of, text_of

XSS = '<script>alert("x")</script>'


@pytest.fixture
def three(db: None) -> list[Mapping]:
    return [add("docker.acme.com", name, f"ghcr.io/{name}") for name in ("one", "two", "three")]


def labels() -> list[str]:
    return list(Mapping.objects.order_by("pk").values_list("labels", flat=True))


def listed(admin: AdminClient, noun: str, **query: object) -> str:
    page: str = admin.get(f"{noun}_changelist", **query).content.decode()
    return page


def test_the_form_of_each_noun_sets_them(admin: AdminClient, mapping: Mapping) -> None:
    for noun, row in (("mapping", mapping), ("hostname", mapping.hostname), ("registry", mapping.registry)):
        admin.fill(f"{noun}_change", row.pk, labels="team=web, legacy")

        assert type(row).objects.get(pk=row.pk).labels == "legacy team=web"
        assert 'value="legacy team=web"' in admin.get(f"{noun}_change", row.pk).content.decode()


def test_a_new_mapping_has_those_that_were_typed(admin: AdminClient) -> None:
    admin.fill(
        "mapping_add", hostname="docker.acme.com", prefix="a", target="ghcr.io/a", create_hostname=True, labels="b a"
    )

    assert labels() == ["a b"]


def test_what_is_no_label_is_told_at_its_field(admin: AdminClient, mapping: Mapping) -> None:
    answer = admin.fill("mapping_change", mapping.pk, labels=XSS)

    (said,) = errors_of(answer)["labels"]
    assert said.startswith('“<script>alert("x")</script>” is no label')
    assert XSS not in answer.content.decode()
    assert labels() == [""]


def test_a_form_that_was_opened_before_others_labelled_comes_back_with_theirs(
    admin: AdminClient, mapping: Mapping
) -> None:
    seen = mapping.version
    update_mapping(SET_UP, "", mapping_id=mapping.pk, labels="theirs")

    answer = admin.fill("mapping_change", mapping.pk, version=seen, labels="mine")

    assert "Somebody else changed this mapping meanwhile" in text_of(answer)
    assert labels() == ["theirs"]


def test_lists_show_badges_that_lead_to_the_rows_with_them(admin: AdminClient, three: list[Mapping]) -> None:
    change_labels(SET_UP, "", model=Mapping, ids=[three[0].pk, three[1].pk], add=["team=web"])
    change_labels(SET_UP, "", model=Hostname, ids=[three[0].hostname_id], add=["eu"])
    change_labels(SET_UP, "", model=Registry, ids=[three[0].registry_id], add=["paid"])

    page = listed(admin, "mapping")
    found = text_of(admin.get("mapping_changelist", label="team=web"))

    assert page.count('<a class="badge label" href="/admin/routing/mapping/?label=team%3Dweb">team=web</a>') == 2
    assert ("docker.acme.com/one" in found, "docker.acme.com/three" in found) == (True, False)
    assert "badge label" in listed(admin, "hostname", label="eu")
    assert "No hostname matches" in listed(admin, "hostname", label="us")
    assert "badge label" in listed(admin, "registry", label="paid")


def test_a_key_finds_every_value_and_nonsense_finds_nothing(admin: AdminClient, three: list[Mapping]) -> None:
    change_labels(SET_UP, "", model=Mapping, ids=[three[0].pk], add=["team=web"])

    assert "docker.acme.com/one" in listed(admin, "mapping", label="team")
    for nonsense in (XSS, "tea", "x" * 5000, "a b", "%"):
        page = listed(admin, "mapping", label=nonsense)
        assert "No mapping matches" in page
        assert XSS not in page


def test_the_filter_names_the_labels_of_what_the_asker_may_see(
    admin: AdminClient, member: Callable[[Tenant, str], AdminClient], mapping: Mapping
) -> None:
    other = add("docker.globex.com", "app", "ghcr.io/globex", tenant="globex")
    change_labels(SET_UP, "", model=Mapping, ids=[mapping.pk], add=["ours"])
    change_labels(SET_UP, "", model=Mapping, ids=[other.pk], add=["secret-project"])

    theirs = listed(member(mapping.hostname.tenant, "owner"), "mapping", label="secret-project")

    assert "secret-project" in listed(admin, "mapping")
    assert "docker.globex.com" not in theirs
    assert "secret-project" not in listed(member(mapping.hostname.tenant, "viewer"), "mapping")


def test_the_search_finds_them(admin: AdminClient, three: list[Mapping]) -> None:
    change_labels(SET_UP, "", model=Mapping, ids=[three[1].pk], add=["wave-7"])

    assert "docker.acme.com/two" in text_of(admin.client.get("/admin/search/?q=wave-7"))


def test_many_rows_get_a_label_in_one_go_and_the_answer_has_numbers(admin: AdminClient, three: list[Mapping]) -> None:
    change_labels(SET_UP, "", model=Mapping, ids=[three[0].pk], add=["team=web"])
    generation = Generation.objects.get().value

    asked = admin.act("add_label", three)
    nothing = admin.act("add_label", three, confirmed="yes", label="")
    done = admin.act("add_label", three, confirmed="yes", label="team=web", reason="CHG-7")

    assert "Add a label to 3 mappings" in text_of(asked)
    assert "Within a second" not in text_of(asked)
    assert "is no label" in text_of(nothing)
    assert messages_of(done) == "Added team=web to 2 mappings; 1 had it already."
    assert labels() == ["team=web"] * 3
    assert Generation.objects.get().value == generation
    past = three[2].history.latest()
    assert (past.actor, past.history_change_reason) == ("olga", "CHG-7")

    assert messages_of(admin.act("remove_label", three, confirmed="yes", label="team")) == (
        "Removed team from 3 mappings."
    )
    assert labels() == [""] * 3
    assert messages_of(admin.act("remove_label", three[:1], confirmed="yes", label="team")) == (
        "Removed team from 0 mappings; 1 did not have it."
    )


def test_a_refused_label_is_escaped_and_kept_in_its_field(admin: AdminClient, three: list[Mapping]) -> None:
    answer = admin.act("add_label", three, confirmed="yes", label=XSS)

    page = answer.content.decode()
    assert XSS not in page
    assert 'value="&lt;script&gt;' in page


def test_rows_that_were_changed_meanwhile_are_asked_about_again(admin: AdminClient, three: list[Mapping]) -> None:
    seen = {f"version_{row.pk}": str(row.version) for row in three}
    update_mapping(SET_UP, "", mapping_id=three[0].pk, private=True)

    answer = admin.act("add_label", three, confirmed="yes", label="a", **seen)

    assert "Somebody else changed docker.acme.com/one" in text_of(answer)
    assert labels() == [""] * 3


def test_hostnames_and_registries_have_the_same_two_actions(admin: AdminClient, mapping: Mapping) -> None:
    for noun, row in (("hostname", mapping.hostname), ("registry", mapping.registry)):
        data = {"action": "add_label", "_selected_action": [row.pk], "confirmed": "yes", "label": "eu"}
        answer = admin.client.post(admin.url(f"{noun}_changelist"), data)

        assert messages_of(answer) == f"Added eu to 1 {noun}."
        assert type(row).objects.get(pk=row.pk).labels == "eu"


def test_who_may_only_look_is_offered_no_such_action(
    member: Callable[[Tenant, str], AdminClient], mapping: Mapping
) -> None:
    viewer = member(mapping.hostname.tenant, "viewer")

    viewer.act("add_label", [mapping], confirmed="yes", label="a")

    assert "add_label" not in listed(viewer, "mapping")
    assert labels() == [""]


def test_lists_ask_no_more_for_rows_with_labels(admin: AdminClient, three: list[Mapping]) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            listed(admin, "mapping")
        return len(queries)

    listed(admin, "mapping")
    before = asked()
    for number, row in enumerate(three):
        change_labels(SET_UP, "", model=Mapping, ids=[row.pk], add=[f"a{number}", "b", f"c=d{number}"])

    assert asked() == before


def test_the_history_says_so(admin: AdminClient, mapping: Mapping) -> None:
    update_mapping(SET_UP, "", mapping_id=mapping.pk, labels="team=web")

    page = text_of(admin.get("mapping_history", mapping.pk))

    assert "labelled" in page
    assert "team=web" in page
