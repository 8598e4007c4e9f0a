"""Change sets in the admin: repoint several mappings, review, approve, apply, undo; and roll one mapping back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.models import ChangeSet, Mapping, Role, Tenant
from routing.services.changes.drafts import draft
from routing.services.changes.wishes import Wish
from routing.services.mappings.mappings import repoint
from routing.table.served import tell_served
from tests.admin.conftest import SET_UP, AdminClient, add, messages_of, text_of

HOST = "docker.acme.com"
Member = Callable[[Tenant, str], AdminClient]


@pytest.fixture
def three(db: None) -> list[Mapping]:
    return [add(HOST, name, f"docker.io/acme/{name}") for name in ("one", "three", "two")]


def drafted(admin: AdminClient, mappings: list[Mapping], **fields: str) -> ChangeSet:
    given = {"source": "docker.io/acme", "target": "ghcr.io/acme", "reason": "CHG-1", **fields}
    answer = admin.act("repoint_all", mappings, confirmed="yes", **given)
    change_set = ChangeSet.objects.first()
    assert change_set is not None, text_of(answer)
    assert answer.url == admin.url("changeset_change", change_set.pk)
    return change_set


def decide(admin: AdminClient, change_set: ChangeSet, deed: str, **fields: str) -> Any:
    data = {"deed": deed, "checksum": change_set.checksum, **fields}
    return admin.client.post(admin.url("changeset_change", change_set.pk), data)


def told(answer: Any) -> str:
    """What is said of a form that was sent: on the page that comes back, or on the next one."""
    return text_of(answer) if answer.status_code == 200 else messages_of(answer)


def targets() -> list[str]:
    return [mapping.target for mapping in Mapping.objects.with_names().order_by("prefix")]


def test_the_action_asks_where_to_and_knows_what_they_have_in_common(admin: AdminClient, three: list[Mapping]) -> None:
    answer = admin.act("repoint_all", three)

    assert "Repoint 3 mappings" in text_of(answer)
    assert answer.context["source"] == "docker.io/acme"
    assert not ChangeSet.objects.exists()


def test_what_is_refused_is_told_and_what_was_typed_stays(admin: AdminClient, three: list[Mapping]) -> None:
    answer = admin.act("repoint_all", three, confirmed="yes", source="docker.io", target="ghcr.io/x:1.0", reason="r")

    assert "“x:1.0” is not a repository name" in told(answer)
    assert 'value="ghcr.io/x:1.0"' in answer.content.decode()
    assert not ChangeSet.objects.exists()


def test_a_draft_is_reviewed_applied_and_undone(admin: AdminClient, three: list[Mapping]) -> None:
    change_set = drafted(admin, three[:2])
    page = text_of(admin.get("changeset_change", change_set.pk))
    assert "docker.acme.com/one target docker.io/acme/one ghcr.io/acme/one" in page
    assert "docker.acme.com/two" not in page
    # Where a line ends, it ends at a slash.
    assert "docker.acme.com/<wbr>one" in admin.get("changeset_change", change_set.pk).content.decode()
    assert targets()[0] == "docker.io/acme/one"

    applied = decide(admin, change_set, "apply")
    assert told(applied) == "Applied: 2 mappings, all at once."
    assert targets() == ["ghcr.io/acme/one", "ghcr.io/acme/three", "docker.io/acme/two"]
    assert decide(admin, change_set, "undo").status_code == 200
    undone = decide(admin, change_set, "undo", message="it broke")
    assert undone.url == admin.url("changeset_change", change_set.pk + 1)
    assert targets() == ["docker.io/acme/one", "docker.io/acme/three", "docker.io/acme/two"]
    assert f"It takes back change set {change_set.pk}" in text_of(admin.client.get(undone.url))


def test_what_was_changed_since_is_shown_and_it_is_drafted_once_more(admin: AdminClient, three: list[Mapping]) -> None:
    change_set = drafted(admin, three)
    repoint(SET_UP, "r", hostname=HOST, prefix="two", target="quay.io/acme")

    assert "this is not what was reviewed" in told(decide(admin, change_set, "apply"))
    page = text_of(admin.get("changeset_change", change_set.pk))
    assert "the mapping docker.acme.com/two was changed: registry from docker.io" in page
    decide(admin, change_set, "redraft")
    change_set.refresh_from_db()
    decide(admin, change_set, "apply")
    assert targets()[2] == "ghcr.io/acme/two"


def test_a_page_that_is_out_of_date_applies_nothing(admin: AdminClient, three: list[Mapping]) -> None:
    change_set = drafted(admin, three)
    repoint(SET_UP, "r", hostname=HOST, prefix="two", target="quay.io/acme")
    decide(admin, change_set, "redraft")

    answer = decide(admin, change_set, "apply")

    assert "the change set itself was changed" in told(answer)
    assert targets()[0] == "docker.io/acme/one"


def test_what_has_to_be_said_is_asked_for(admin: AdminClient, three: list[Mapping]) -> None:
    more = [add(HOST, f"more{number}", f"docker.io/acme/more{number}", private=number == 0) for number in range(10)]
    change_set = drafted(admin, [*three, *more])

    page = text_of(admin.get("changeset_change", change_set.pk))
    assert "it changes 13 of the 13 mappings of default" in page
    assert "credentials for docker.acme.com/more0 go to another registry" in page
    assert "(13)" in told(decide(admin, change_set, "apply", confirm="12"))
    assert "credentials" in told(decide(admin, change_set, "apply", confirm="13"))
    applied = decide(admin, change_set, "apply", confirm="13", credentials_move="on")
    assert told(applied) == "Applied: 13 mappings, all at once."


def test_another_approves_what_has_to_be_approved(admin: AdminClient, member: Member, three: list[Mapping]) -> None:
    tenant = Tenant.objects.get(slug="default")
    Tenant.objects.filter(pk=tenant.pk).update(needs_approval=True)
    change_set = drafted(admin, three)

    assert "Who drafted it can't: ask somebody else" in text_of(admin.get("changeset_change", change_set.pk))
    assert "does not approve it" in told(decide(admin, change_set, "approve"))
    assert told(decide(member(tenant, Role.OPERATOR), change_set, "approve")) == "Approved."
    assert told(decide(admin, change_set, "apply")) == "Applied: 3 mappings, all at once."


def test_who_may_only_look_finds_no_button(member: Member, admin: AdminClient, three: list[Mapping]) -> None:
    change_set = drafted(admin, three)
    viewer = member(Tenant.objects.get(slug="default"), Role.VIEWER)

    page = viewer.get("changeset_change", change_set.pk)

    assert page.status_code == 200
    assert 'name="deed"' not in page.content.decode()
    assert decide(viewer, change_set, "apply").status_code == 403


def test_the_history_offers_the_way_back_to_all_but_the_newest(admin: AdminClient, mapping: Mapping) -> None:
    first = mapping.history.get().history_id
    repoint(SET_UP, "r", hostname=HOST, prefix="acme", target="quay.io/acme")

    page = admin.get("mapping_history", mapping.pk).content.decode()

    assert page.count("Roll back to this") == 1
    assert admin.url("mapping_roll_back", mapping.pk, first) in page


def test_a_mapping_is_rolled_back(admin: AdminClient, mapping: Mapping) -> None:
    first = mapping.history.get().history_id
    repoint(SET_UP, "r", hostname=HOST, prefix="acme", target="quay.io/acme")
    address = admin.url("mapping_roll_back", mapping.pk, first)

    page = text_of(admin.get("mapping_roll_back", mapping.pk, first))
    assert "target quay.io/acme → ghcr.io/acme" in page
    assert targets() == ["quay.io/acme"]
    assert not ChangeSet.objects.exists()
    assert "Say why" in told(admin.client.post(address, {"reason": ""}))
    done: Any = admin.client.post(address, {"reason": "back"})
    assert done.url == admin.url("changeset_change", ChangeSet.objects.get().pk)
    assert targets() == ["ghcr.io/acme"]
    assert f"By change set {ChangeSet.objects.get().pk}" in text_of(admin.get("mapping_history", mapping.pk))


def test_the_way_back_to_where_it_is_says_so(admin: AdminClient, mapping: Mapping) -> None:
    page = text_of(admin.get("mapping_roll_back", mapping.pk, mapping.history.get().history_id))

    assert "there is nothing to change" in page
    assert admin.get("mapping_roll_back", mapping.pk, 10**9).status_code == 404


def test_a_set_is_applied_at_a_time(admin: AdminClient, three: list[Mapping]) -> None:
    change_set = drafted(admin, three)

    assert "Type a time such as" in told(decide(admin, change_set, "schedule", at="tomorrow"))
    at = f"{timezone.now() + timedelta(days=1):%Y-%m-%d %H:%M}"
    assert "when its time comes" in told(decide(admin, change_set, "schedule", at=at))
    assert f"{at} UTC" in text_of(admin.get("changeset_changelist"))
    page = text_of(admin.get("changeset_change", change_set.pk))
    assert "To be applied" in page
    assert "Verified just before: any difference keeps it back." in page
    assert targets()[0] == "docker.io/acme/one"


def test_a_set_is_scheduled_without_verification_for_a_reason(admin: AdminClient, three: list[Mapping]) -> None:
    change_set = drafted(admin, three)
    at = f"{timezone.now() + timedelta(days=1):%Y-%m-%d %H:%M}"

    decide(admin, change_set, "schedule", at=at, skip_verification="copied by hand")

    assert f"{at} UTC, not verified" in text_of(admin.get("changeset_changelist"))
    assert "Not verified just before: copied by hand." in text_of(admin.get("changeset_change", change_set.pk))
    decide(admin, change_set, "apply")
    assert "Not verified just before: copied by hand." in text_of(admin.get("changeset_change", change_set.pk))
    history = text_of(admin.get("mapping_history", three[0].pk))
    assert "not verified: copied by hand; CHG-1" in history


class TestLive:
    """On how many processes a set is live that was applied."""

    @pytest.fixture
    def applied(self, admin: AdminClient, three: list[Mapping]) -> ChangeSet:
        change_set = drafted(admin, three)
        assert "Live on" not in text_of(admin.get("changeset_change", change_set.pk))
        decide(admin, change_set, "apply")
        return ChangeSet.objects.get()

    def test_nobody_tells(self, admin: AdminClient, applied: ChangeSet) -> None:
        assert "Where it is live is not known" in text_of(admin.get("changeset_change", applied.pk))

    def test_on_all(self, admin: AdminClient, applied: ChangeSet) -> None:
        tell_served("web1", [_process(applied.generation or 0), _process((applied.generation or 0) + 1)])

        page = admin.get("changeset_change", applied.pk)

        assert "live Live on 2 of 2 processes of all servers." in text_of(page)
        assert "data-live=" not in page.content.decode()

    def test_not_yet_and_the_page_looks_again_by_itself(self, admin: AdminClient, applied: ChangeSet) -> None:
        tell_served("web1", [_process(applied.generation or 0)])
        tell_served("web2", [_process((applied.generation or 0) - 1)])
        page = admin.get("changeset_change", applied.pk)
        assert "not yet Live on 1 of 2 processes" in text_of(page)
        assert "worker 1 of web2 serves generation" in text_of(page)
        assert ' data-live="1"' in page.content.decode()
        tell_served("web2", [_process(applied.generation or 0)])

        answer = admin.client.post(admin.url("changeset_change", applied.pk), HTTP_ACCEPT="application/json")

        assert "Live on 2 of 2 processes" in answer.json()["html"]
        assert "data-settled" in answer.json()["html"]

    def test_a_tenants_people_are_told_of_no_machine(
        self, applied: ChangeSet, member: Member, three: list[Mapping]
    ) -> None:
        tell_served("web2", [_process((applied.generation or 0) - 1)])
        viewer = member(three[0].hostname.tenant, Role.VIEWER)

        page = text_of(viewer.get("changeset_change", applied.pk))

        assert "Live on 0 of 1 process of all servers" in page
        assert "web2" not in page
        answer = viewer.client.post(viewer.url("changeset_change", applied.pk), HTTP_ACCEPT="application/json")
        assert "web2" not in answer.json()["html"]


def _process(generation: int) -> dict[str, Any]:
    return {"role": "worker", "pid": 1, "generation": generation, "held": False}


def test_where_nothing_leads_elsewhere_no_verification_is_spoken_of(admin: AdminClient, three: list[Mapping]) -> None:
    change_set = draft(SET_UP, "CHG-1", wishes=[Wish(three[0].pk, None, {"enabled": False})])

    assert admin.get("changeset_change", change_set.pk).content.decode().count("skip_verification") == 0
