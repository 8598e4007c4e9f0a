"""The commands of who leaves: told in numbers, done, told to programs, and refused with what to do."""

from __future__ import annotations

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from routing.models import Hostname, Mapping, Membership, Registry, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def mapped(owner: Person, outsider: Person) -> Person:
    add_mapping(Actor.program("test set-up"), "", hostname="docker.acme.com", prefix="app", target="ghcr.io/acme")
    return owner


def run(*words: str, **options: Any) -> str:
    said = StringIO()
    call_command(*words, stdout=said, **options)
    return said.getvalue()


def test_a_tenant_is_told_in_numbers_and_then_removed(mapped: Person) -> None:
    told = run("remove_tenant", "acme", "--dry-run")

    assert told.startswith("Would remove acme: 1 mappings, 1 hostnames, 1 members\nWould stay: ")
    assert Tenant.objects.filter(slug="acme").exists()

    told = run("remove_tenant", "acme", "--reason", "contract ended")

    assert "Removed tenant acme: 1 mappings, 1 hostnames" in told
    assert not Tenant.objects.filter(slug="acme").exists()
    last = Mapping.history.first()
    assert (last.history_type, last.history_change_reason) == ("-", "contract ended")


def test_programs_are_told_the_same(mapped: Person) -> None:
    would = json.loads(run("remove_tenant", "acme", "--dry-run", "--json"))
    done = json.loads(run("remove_tenant", "acme", "--json"))

    assert (would["removed"], done["removed"]) == (False, True)
    assert would["goes"]["mappings"] == done["goes"]["mappings"] == 1
    assert would["stays"] == done["stays"]


def test_what_is_not_there_is_said_in_a_line(db: None) -> None:
    with pytest.raises(CommandError, match="there is no tenant nobody"):
        run("remove_tenant", "nobody")
    with pytest.raises(CommandError, match="there is nobody of the name nobody"):
        run("remove_person", "nobody")
    with pytest.raises(CommandError, match="there is no tenant nobody"):
        run("export_tenant", "nobody")
    with pytest.raises(CommandError, match="there is nobody of the name nobody"):
        run("export_person", "nobody")


@pytest.mark.parametrize(("typed", "goes"), [("acme", True), ("Acme", False), ("", False)])
def test_at_a_terminal_the_name_is_typed_once_more(
    mapped: Person, monkeypatch: pytest.MonkeyPatch, typed: str, goes: bool
) -> None:
    monkeypatch.setattr("routing.management.leaving.sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: typed)

    if goes:
        run("remove_tenant", "acme")
    else:
        with pytest.raises(CommandError, match="nothing was changed"):
            run("remove_tenant", "acme")

    assert Tenant.objects.filter(slug="acme").exists() is not goes


def test_a_person_is_told_in_numbers_removed_and_erased(mapped: Person, teammate: Person) -> None:
    add_mapping(teammate.actor, "by bob", hostname="docker.acme.com", prefix="b", target="ghcr.io/b")

    assert run("remove_person", "bob", "--dry-run").startswith("Would remove bob: 1 memberships")
    assert get_user_model().objects.filter(username="bob").exists()
    told = run("remove_person", "bob", "--erase", "--reason", "asked for")

    assert told.startswith(f"Removed removed person {teammate.user.pk}: 1 memberships")
    assert not get_user_model().objects.filter(username="bob").exists()
    assert not Mapping.history.filter(actor="bob").exists()


def test_the_last_owner_is_refused_with_what_to_do(mapped: Person) -> None:
    for how in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match="alice is the last owner of Acme: make somebody else an owner first"):
            run("remove_person", "alice", *how)

    assert Membership.objects.filter(role=Role.OWNER, tenant__slug="acme").exists()


def test_exports_go_to_a_file_that_nobody_else_reads(mapped: Person, tmp_path: Path) -> None:
    file = tmp_path / "acme.json"
    run("export_tenant", "acme", "--output", str(file), stderr=StringIO())

    assert json.loads(file.read_text())["tenant"]["slug"] == "acme"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="can't be written: File exists"):
        run("export_tenant", "acme", "--output", str(file))
    assert json.loads(run("export_person", "alice"))["account"]["username"] == "alice"


def test_a_hostname_is_handed_over(mapped: Person) -> None:
    would = json.loads(run("hand_over_hostname", "Docker.acme.com.", "--to", "globex", "--dry-run", "--json"))
    assert would == {
        "hostname": "docker.acme.com",
        "from": "acme",
        "to": "globex",
        "mappings": 1,
        "registries": [],
        "beside": [],
        "obstacles": [],
        "handed_over": False,
    }
    assert Hostname.objects.get(name="docker.acme.com").tenant.slug == "acme"

    told = run("hand_over_hostname", "docker.acme.com", "--to", "globex", "--reason", "bought")

    assert told.startswith("Handed docker.acme.com over from Acme to Globex, with 1 mappings\n")
    assert Hostname.objects.get(name="docker.acme.com").tenant.slug == "globex"
    assert "is a hostname of globex already" in run("hand_over_hostname", "docker.acme.com", "--to", "globex")


def test_registries_in_its_way_are_listed(mapped: Person) -> None:
    Registry.objects.create(tenant=mapped.tenant, name="own", origin="https://r.acme.example")
    set_up = Actor.program("test set-up")
    add_mapping(set_up, "", hostname="docker.acme.com", prefix="own", target="r.acme.example/team")

    for how in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=r"https://r\.acme\.example"):
            run("hand_over_hostname", "docker.acme.com", "--to", "globex", *how)
    run("hand_over_hostname", "docker.acme.com", "--to", "globex", "--copy-registries")

    assert Registry.objects.filter(tenant__slug="globex", origin="https://r.acme.example").exists()
