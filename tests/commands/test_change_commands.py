"""facade changes …, and facade mapping roll-back: what they do, print and end with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from routing.models import ChangeSet, Mapping, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, repoint
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture
def mappings(owner: Person) -> list[Mapping]:
    return [
        add_mapping(owner.actor, "", hostname=HOST, prefix=prefix, target=f"docker.io/acme/{prefix}").mapping
        for prefix in ("app", "web")
    ]


def drafted() -> ChangeSet:
    done = facade("changes", "draft", "--all-from", "docker.io/acme", "--to", "ghcr.io/acme", "--reason", "CHG-1")
    assert done.status == 0, done
    return ChangeSet.objects.get()


def targets() -> list[str]:
    return [mapping.target for mapping in Mapping.objects.with_names().order_by("prefix")]


def test_a_draft_is_shown_as_it_can_be_applied(mappings: list[Mapping]) -> None:
    done = facade("changes", "draft", "--all-from", "docker.io/acme", "--to", "ghcr.io/acme", "--reason", "CHG-1")

    checksum = ChangeSet.objects.get().checksum[:12]
    number = ChangeSet.objects.get().pk
    assert f"Drafted change set {number}" in done.out
    assert "  docker.acme.com/app: target: docker.io/acme/app → ghcr.io/acme/app" in done.out
    assert f"To apply it: facade changes apply {number} --checksum {checksum}\n" in done.out
    assert targets() == ["docker.io/acme/app", "docker.io/acme/web"]


def test_apply_and_undo(mappings: list[Mapping]) -> None:
    change_set = drafted()

    applied = facade("changes", "apply", str(change_set.pk), "--checksum", change_set.checksum[:12])
    assert applied.status == 0
    assert targets() == ["ghcr.io/acme/app", "ghcr.io/acme/web"]
    undone = facade("changes", "undo", str(change_set.pk), "--reason", "it broke", "--json")
    assert undone.json["change_set"]["undoes"] == change_set.pk
    assert targets() == ["docker.io/acme/app", "docker.io/acme/web"]


@pytest.mark.parametrize("checksum", ["0" * 12, ""])
def test_another_checksum_is_refused(mappings: list[Mapping], checksum: str) -> None:
    change_set = drafted()

    done = facade("changes", "apply", str(change_set.pk), "--checksum", checksum or change_set.checksum[:11])

    assert done.status == 1
    assert "look at it once more" in done.err
    assert targets()[0] == "docker.io/acme/app"


def test_a_dry_run_changes_nothing(mappings: list[Mapping]) -> None:
    change_set = drafted()

    done = facade("changes", "apply", str(change_set.pk), "--checksum", change_set.checksum, "--dry-run", "--json")

    assert (done.status, done.json["dry_run"], done.json["change_set"]["state"]) == (0, True, "applied")
    assert targets()[0] == "docker.io/acme/app"


def test_what_was_changed_since_is_told_with_status_3_and_can_be_drafted_once_more(
    owner: Person, mappings: list[Mapping]
) -> None:
    change_set = drafted()
    repoint(owner.actor, "r", hostname=HOST, prefix="web", target="quay.io/acme")

    shown = facade("changes", "show", str(change_set.pk))
    assert shown.status == 3
    assert "Not as it was drafted: the mapping docker.acme.com/web was changed: registry from docker.io" in shown.out
    assert facade("changes", "apply", str(change_set.pk), "--checksum", change_set.checksum).status == 1
    assert facade("changes", "redraft", str(change_set.pk)).status == 0
    assert facade("changes", "show", str(change_set.pk)).status == 0


def test_a_table_from_a_file(mappings: list[Mapping], tmp_path: Path) -> None:
    table = tmp_path / "moves.csv"
    table.write_text("hostname,prefix,enabled\ndocker.acme.com,app,no\n")

    assert facade("changes", "draft", "--csv", str(table), "--reason", "r").status == 0
    assert ChangeSet.objects.get().rows[0]["after"]["enabled"] is False


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--all-from", "docker.io/acme"], 1, "say --to TARGET"),
        (["--csv", "/nowhere.csv"], 1, "can't be read"),
        (["--csv", "/nowhere.csv", "--to", "ghcr.io"], 1, "--to goes with --all-from"),
        (["--all-from", "quay.io", "--to", "ghcr.io"], 1, "no mapping points to quay.io"),
        ([], 2, "required"),
    ],
)
def test_what_cannot_be_drafted(mappings: list[Mapping], words: list[str], status: int, said: str) -> None:
    done = facade("changes", "draft", *words, "--reason", "r")

    assert done.status == status
    assert said in done.err


def test_what_has_to_be_said_is_told_and_what_to_type(owner: Person) -> None:
    for number in range(12):
        target = f"docker.io/acme/app{number}"
        add_mapping(owner.actor, "", hostname=HOST, prefix=f"app{number}", target=target, private=number == 0)
    change_set = drafted()
    apply = ("changes", "apply", str(change_set.pk), "--checksum", change_set.checksum)

    shown = facade("changes", "show", str(change_set.pk))
    assert shown.out.rstrip().endswith(" --confirm 12 --credentials-move")
    first, second = facade(*apply), facade(*apply, "--confirm", "12")
    assert (first.status, second.status) == (1, 1)
    assert "(--confirm 12)" in first.err
    assert "(--credentials-move)" in second.err
    assert facade(*apply, "--confirm", "12", "--credentials-move").status == 0


def test_a_tenant_that_wants_approval(owner: Person, teammate: Person, mappings: list[Mapping]) -> None:
    assert facade("tenant", "require-approval", "acme").status == 0
    assert facade("tenant", "require-approval", "acme").out == "Change sets of acme need an approval already.\n"
    change_set = drafted()
    reviewed = (str(change_set.pk), "--checksum", change_set.checksum)

    assert "nobody has approved it yet" in facade("changes", "apply", *reviewed).err
    assert "who drafted a change set does not approve it" in facade("changes", "approve", *reviewed).err
    assert facade("tenant", "require-approval", "acme", "--off").status == 0
    assert not Tenant.objects.get(slug="acme").needs_approval


def test_lists_tell_the_state(mappings: list[Mapping]) -> None:
    change_set = drafted()
    facade("changes", "discard", str(change_set.pk))

    assert [row["state"] for row in facade("changes", "list", "--json").json] == ["discarded"]
    assert facade("changes", "list", "--state", "draft").out == "No change sets.\n"
    assert "CHG-1" in facade("changes", "list", "--tenant", "acme").out


def test_a_set_that_is_not_there(db: None) -> None:
    assert facade("changes", "show", "99").status == 3
    assert facade("changes", "undo", "99", "--reason", "r").status == 1


def test_a_mapping_is_rolled_back_by_the_number_of_an_entry(platform: Actor, mappings: list[Mapping]) -> None:
    repoint(platform, "r", hostname=HOST, prefix="app", target="quay.io/acme")
    first = facade("mapping", "history", HOST, "app", "--json").json[-1]["number"]

    done = facade("mapping", "roll-back", HOST, "app", "--to", str(first), "--reason", "back")

    assert done.status == 0
    assert targets()[0] == "docker.io/acme/app"
    assert f"(entry {first})" in facade("mapping", "history", HOST, "app").out


def test_a_set_is_applied_at_a_time(mappings: list[Mapping]) -> None:
    change_set = drafted()
    at = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"
    apply = ("changes", "apply", str(change_set.pk), "--checksum", change_set.checksum)

    assert "a time to come is needed" in facade(*apply, "--at", "2020-01-01").err
    assert facade(*apply, "--at", "soon").status == 2
    assert facade(*apply, "--at", at).status == 0
    assert facade("changes", "list", "--state", "scheduled", "--json").json[0]["id"] == change_set.pk
    assert (
        f"scheduled, to be applied at {at.replace('T', ' ')} UTC" in facade("changes", "show", str(change_set.pk)).out
    )
    assert targets()[0] == "docker.io/acme/app"


def test_a_scheduled_set_says_how_it_is_verified(mappings: list[Mapping]) -> None:
    change_set = drafted()
    number = str(change_set.pk)
    at = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"
    apply = ("changes", "apply", number, "--checksum", change_set.checksum)

    assert "is for --at" in facade(*apply, "--skip-verification", "x").err
    assert "Verified just before: any difference keeps it back" in facade(*apply, "--at", at).out
    assert "verified just before: any difference" in facade("changes", "show", number).out
    assert "(not verified)" not in facade("changes", "list").out
    assert facade(*apply, "--at", at, "--skip-verification", "moved by hand").status == 0
    assert "not verified just before: moved by hand" in facade("changes", "show", number).out
    assert "(not verified)" in facade("changes", "list").out
    assert facade("changes", "list", "--json").json[0]["skip_verification"] == "moved by hand"


def test_a_table_is_told_line_by_line_and_a_dry_run_drafts_nothing(mappings: list[Mapping], tmp_path: Path) -> None:
    table = tmp_path / "moves.csv"
    table.write_text(f"hostname,prefix,target\n{HOST},app,\n{HOST},web,quay.io/web\n{HOST},new,quay.io/new\n")

    done = facade("changes", "draft", "--csv", str(table), "--reason", "r", "--dry-run")

    assert done.status == 0
    assert f"line 3: repoint {HOST}/web: target: docker.io/acme/web → quay.io/web" in done.out
    assert f"line 4: add {HOST}/new: mapping: none → quay.io/new" in done.out
    assert "3 lines: add 1, repoint 1, nothing 1" in done.out
    assert not ChangeSet.objects.exists()
    told = facade("changes", "draft", "--csv", str(table), "--reason", "r", "--json").json
    assert [(line["line"], line["deed"]) for line in told["lines"]] == [(3, "repoint"), (4, "add")]
    assert ChangeSet.objects.get().size == 2


def test_wrong_lines_are_told_each_and_nothing_is_drafted(mappings: list[Mapping], tmp_path: Path) -> None:
    table = tmp_path / "moves.csv"
    table.write_text(
        f"hostname,prefix,target\n{HOST},app,quay.io/a:1.0\n{HOST},web,quay.io/web\nnot.there,a,quay.io/a\n"
    )

    done = facade("changes", "draft", "--csv", str(table), "--reason", "r")

    assert done.status == 1
    assert "line 2: “a:1.0” is not a repository name" in done.err
    assert "line 4: not.there/a: there is no such hostname" in done.err
    assert "nothing was drafted: 2 of 3 lines are wrong" in done.err
    assert not ChangeSet.objects.exists()


def test_what_the_list_writes_as_csv_drafts_nothing(mappings: list[Mapping], tmp_path: Path) -> None:
    table = tmp_path / "all.csv"
    table.write_text(facade("mapping", "list", "--csv").out)

    done = facade("changes", "draft", "--csv", str(table), "--reason", "r")

    assert (done.status, ChangeSet.objects.count()) == (0, 0)
    assert "2 lines: nothing 2\nNothing to draft: all these mappings are so already" in done.out
