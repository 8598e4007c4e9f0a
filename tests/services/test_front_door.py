"""A hostname's front door: written by every door, kept in the history, refused where it can't be shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from routing.core.grammar.front_door import ListedRepository
from routing.core.table.front_door import NO_FRONT_DOOR, parse_packed_front_door
from routing.core.table.routing_table import Table
from routing.models import Change, Hostname
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.hostnames.hostnames import update_hostname
from routing.services.leaving.hand_over import hand_over_hostname
from tests.admin.conftest import AdminClient, errors_of, text_of
from tests.api.conftest import api_client_for
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
WRITTEN = {
    "front_title": "Images of Acme",
    "front_text": "What we run.\n\nAsk us.",
    "front_link": "https://acme.example",
    "front_colour": "#0b5394",
    "front_repositories": "acme/app https://acme.example/app The app itself",
}


def write(person: Person, **changes: Any) -> None:
    update_hostname(person.actor, "", hostname_id=person.hostname.pk, **changes)


def test_it_reaches_the_table_and_the_history(owner: Person, table: Callable[[], Table]) -> None:
    write(owner, **WRITTEN, front_leads_on=True)

    entry = table().hosts.get("docker.acme.com")
    assert entry is not None
    front = parse_packed_front_door(entry.front)
    assert (front.title, front.leads_on, front.colour) == ("Images of Acme", True, "#0b5394")
    assert front.repositories == (ListedRepository("acme/app", "https://acme.example/app", "The app itself"),)
    assert Hostname.history.latest().front_title == "Images of Acme"
    owner.hostname.refresh_from_db()
    assert owner.hostname.table_entry() == entry


def test_a_hostname_without_one_tells_followers_of_the_former_release_nothing_new(owner: Person) -> None:
    write(owner, enabled=False)

    change = Change.objects.latest("generation")
    assert change.entry is not None
    assert "front" not in change.entry


def test_texts_are_kept_in_one_form(owner: Person) -> None:
    write(owner, front_text=" one \r\n\r\ntwo\r\n", front_colour=" #0B5394")
    owner.hostname.refresh_from_db()
    assert (owner.hostname.front_text, owner.hostname.front_colour) == ("one\n\ntwo", "#0b5394")
    version = owner.hostname.version

    write(owner, front_text="one\r\n\r\ntwo")

    owner.hostname.refresh_from_db()
    assert owner.hostname.version == version


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("front_title", {"front_title": "two\nlines"}),
        ("front_text", {"front_text": "a" * 1001}),
        ("front_link", {"front_link": "javascript:alert(1)"}),
        ("front_leads_on", {"front_leads_on": True}),
        ("front_colour", {"front_colour": "red"}),
        ("front_repositories", {"front_repositories": "docker.acme.com/acme/app:1.0"}),
        ("front_link", {"front_leads_on": True, "front_link": "https://docker.acme.com/docs"}),
        (
            "front_repositories",
            {
                "front_leads_on": True,
                "front_link": "https://acme.example",
                "front_repositories": "acme/app https://docker.acme.com:8443/acme/app",
            },
        ),
    ],
)
def test_what_can_not_be_shown_is_not_written(owner: Person, field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as refusal:
        write(owner, **changes)

    assert set(refusal.value.fields) == {field}
    owner.hostname.refresh_from_db()
    assert owner.hostname.front_door == NO_FRONT_DOOR


def test_operators_of_the_tenant_do_not_write_it(teammate: Person) -> None:
    with pytest.raises(PermissionDenied):
        write(teammate, front_title="Ours")


def test_what_no_verb_would_have_written_is_not_shown(owner: Person) -> None:
    Hostname.objects.filter(pk=owner.hostname.pk).update(front_title="Acme", front_link="javascript:alert(1)")

    owner.hostname.refresh_from_db()
    assert owner.hostname.front_door == NO_FRONT_DOOR
    assert owner.hostname.table_entry().front == ""


def test_whoever_takes_a_hostname_over_begins_without_one(owner: Person, outsider: Person, platform: Actor) -> None:
    write(owner, **WRITTEN)

    hand_over_hostname(platform, "bought", hostname_id=owner.hostname.pk, tenant_id=outsider.tenant.pk)

    owner.hostname.refresh_from_db()
    assert owner.hostname.front_door == NO_FRONT_DOOR


def test_the_command_line_writes_and_shows_it(owner: Person, tmp_path: Path) -> None:
    listed = tmp_path / "listed"
    listed.write_text("acme/app https://acme.example/app The app itself\nacme/tool\n")
    words = ("hostname", "front-door", "docker.acme.com")

    assert facade(*words, "--title", "Ours", "--link", "https://acme.example", "--lead-on").status == 0
    assert facade(*words, "--repositories", str(listed), "--show-page", "--reason", "launch").status == 0

    shown = facade(*words, "--json").json
    assert (shown["front_title"], shown["front_leads_on"]) == ("Ours", False)
    assert shown["front_repositories"] == listed.read_text().strip()
    printed = facade(*words).out
    assert "acme/app https://acme.example/app The app itself" in printed
    assert "already" in facade(*words, "--title", "Ours").out
    refused = facade(*words, "--repositories", "/nothing/there")
    assert (refused.status, "can't be read" in refused.err) == (1, True)
    assert "Line 1" in facade(*words, "--repositories", str(_file(tmp_path, "Acme/App\n"))).err


def _file(folder: Path, text: str) -> Path:
    path = folder / "other"
    path.write_text(text)
    return path


def test_programs_write_and_read_it(owner: Person, table: Callable[[], Table]) -> None:
    table()
    api = api_client_for(owner)
    path = f"hostnames/{owner.hostname.pk}"

    answer = api.send("patch", path, **WRITTEN, reason="launch")
    refused = api.send("patch", path, front_colour="red")

    assert answer.status_code == 200
    assert {name: api.get(path).json()[name] for name in WRITTEN} == WRITTEN
    assert refused.status_code == 422
    assert "#rrggbb" in refused.content.decode()


def test_people_write_it_on_the_hostnames_page(owner: Person) -> None:
    owner.user.is_staff = True
    owner.user.save()
    admin = AdminClient(owner.user)
    sent = WRITTEN | {"front_text": "What we run.\r\n\r\nAsk us."}

    admin.fill("hostname_change", owner.hostname.pk, **sent)
    owner.hostname.refresh_from_db()
    refused = admin.fill("hostname_change", owner.hostname.pk, front_repositories="Acme/App")

    assert {name: getattr(owner.hostname, name) for name in WRITTEN} == WRITTEN
    assert errors_of(refused)["front_repositories"][0].startswith("Line 1: ")
    assert "What browsers show" in text_of(admin.get("hostname_change", owner.hostname.pk))
