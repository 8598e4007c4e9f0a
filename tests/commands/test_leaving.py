"""The verbs of who leaves, by both names: told in numbers, done, told to programs, and refused with what to do."""

from __future__ import annotations

import errno
import json
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from routing.models import Hostname, Mapping, Membership, Registry, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
DRY = "Dry run: nothing is changed. Without --dry-run:\n"


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

    assert told.startswith(f"{DRY}Removed tenant acme: 1 mappings, 1 hostnames, 1 members\nWhat stays: ")
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
    with pytest.raises(CommandError, match="No user “nobody”"):
        run("remove_person", "nobody")
    with pytest.raises(CommandError, match="there is no tenant nobody"):
        run("export_tenant", "nobody")
    with pytest.raises(CommandError, match="No user “nobody”"):
        run("export_person", "nobody")


@pytest.mark.parametrize(("typed", "goes"), [("acme", True), ("Acme", False), ("", False)])
def test_at_a_terminal_the_name_is_typed_once_more(
    mapped: Person, monkeypatch: pytest.MonkeyPatch, typed: str, goes: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda: typed)

    if goes:
        run("remove_tenant", "acme")
    else:
        with pytest.raises(CommandError, match="nothing was changed"):
            run("remove_tenant", "acme")

    assert Tenant.objects.filter(slug="acme").exists() is not goes


def test_a_person_is_told_in_numbers_removed_and_erased(mapped: Person, teammate: Person) -> None:
    add_mapping(teammate.actor, "by bob", hostname="docker.acme.com", prefix="b", target="ghcr.io/b")

    assert run("remove_person", "bob", "--dry-run").startswith(f"{DRY}Removed bob: 1 memberships")
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
        "changed": True,
        "dry_run": True,
        "done": ["handed docker.acme.com over from Acme to Globex, with 1 mappings"],
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


class TestFacade:
    """The same by nouns: what only these names do, and the exit statuses."""

    def test_a_tenant_goes_with_everything_only_where_that_is_said(self, mapped: Person) -> None:
        refused = facade("tenant", "remove", "acme")
        assert (refused.status, refused.out) == (1, "")
        assert refused.err.endswith("remove those first, or remove it with everything (--everything)")

        done = facade("tenant", "remove", "acme", "--everything", "--reason", "contract ended")

        assert done.status == 0
        assert done.out.startswith("Removed tenant acme: 1 mappings, 1 hostnames, 1 members\nWhat stays: ")
        assert not Tenant.objects.filter(slug="acme").exists()
        assert Mapping.history.latest().history_change_reason == "contract ended"

    def test_a_dry_run_of_everything_counts_the_same_and_takes_nothing(self, mapped: Person) -> None:
        would = facade("tenant", "remove", "acme", "--everything", "--dry-run", "--json").json
        assert Mapping.objects.exists()
        done = facade("tenant", "remove", "acme", "--everything", "--json").json

        assert (would["changed"], would["dry_run"], would["removed"]) == (True, True, False)
        assert (done["changed"], done["dry_run"], done["removed"]) == (True, False, True)
        assert would["done"] == done["done"]
        assert would["stays"] == done["stays"]

    @pytest.mark.parametrize("erase", [[], ["--erase"]], ids=["kept", "erased"])
    def test_a_dry_run_says_of_a_person_what_the_removal_says(
        self, mapped: Person, teammate: Person, erase: list[str]
    ) -> None:
        teammate.user.email = "bob@example.com"
        teammate.user.save()
        assert facade("member", "invite", "globex", "bob@example.com").status == 0
        would = facade("person", "remove", "bob", "--dry-run", "--json", *erase).json
        assert get_user_model().objects.filter(username="bob").exists()
        done = facade("person", "remove", "bob", "--json", *erase).json

        assert would["done"] == done["done"]
        assert would["goes"].items() <= done["goes"].items()
        assert would["goes"].get("invitations to them", 0) == len(erase)

    @pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["done", "dry"])
    def test_obstacles_are_told_to_programs_as_well(self, mapped: Person, dry: list[str]) -> None:
        Registry.objects.create(tenant=mapped.tenant, name="own", origin="https://r.acme.example")
        add_mapping(mapped.actor, "", hostname="docker.acme.com", prefix="own", target="r.acme.example/team")

        for words, says in (
            (("person", "remove", "alice"), "alice is the last owner of Acme: make somebody else an owner first"),
            (("hostname", "hand-over", "docker.acme.com", "--to", "globex"), "registries that are Acme's own"),
        ):
            done = facade(*words, *dry, "--json")

            assert done.status == 1
            assert done.json["changed"] is False
            assert says in done.err
            assert any(says in obstacle for obstacle in done.json["obstacles"])
        assert Membership.objects.filter(role=Role.OWNER, tenant__slug="acme").exists()

    @pytest.mark.parametrize("noun", ["tenant", "person"])
    def test_an_export_is_json_for_everybody(self, mapped: Person, noun: str, tmp_path: Path) -> None:
        name, file = {"tenant": "acme", "person": "alice"}[noun], tmp_path / "file.json"

        printed, asked = facade(noun, "export", name), facade(noun, "export", name, "--json")
        written = facade(noun, "export", name, "--output", str(file), "--json")

        assert printed.json["format"] == asked.json["format"] == f"registry-facade-{noun}"
        assert written.json == {"written": str(file)}
        assert json.loads(file.read_text())["format"] == f"registry-facade-{noun}"
        again = facade(noun, "export", name, "--output", str(file))
        assert (again.status, again.err) == (1, f"{file} can't be written: File exists")
        assert facade(noun, "export", "nobody").status == 3

    def test_half_an_export_is_no_file(self, mapped: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def pieces(*_: Any, **__: Any) -> Iterator[str]:
            yield "{"
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("routing.management.verbs.exports.export_tenant", pieces)

        done = facade("tenant", "export", "acme", "--output", str(tmp_path / "acme.json"))

        assert (done.status, done.err) == (1, f"{tmp_path / 'acme.json'} can't be written: No space left on device")
        assert list(tmp_path.iterdir()) == []

    def test_everybody_is_listed(self, mapped: Person) -> None:
        get_user_model().objects.create_superuser("root", "root@example.com")

        lines = facade("person", "list").out.splitlines()

        assert next(line for line in lines if line.startswith("root ")).split() == [
            *("root", "root@example.com", "operator", "active", "never")
        ]
        assert {"username": "alice", "is_platform_operator": False}.items() <= facade("person", "list", "--json").json[
            0
        ].items()
