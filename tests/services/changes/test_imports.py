"""A table of mappings: what each line would do, what becomes of the draft, and files that are none."""

from __future__ import annotations

import tracemalloc

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.models import ChangeSet, Generation, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import PermissionDenied
from routing.services.changes.applying import apply, undo
from routing.services.changes.approval import approve
from routing.services.changes.basis import Stale
from routing.services.changes.csv_reading import MAX_BYTES, MAX_LINES
from routing.services.changes.diff import Step, diff
from routing.services.changes.drafts import draft, get_differences, redraft
from routing.services.changes.imports import Deed, Preview, preview_import, wishes_of_csv
from routing.services.changes.wishes import MAX_SET_ROWS
from routing.services.mappings.csv_export import csv_of_mappings
from routing.services.mappings.mappings import add_mapping, remove_mappings, update_mapping
from routing.services.mappings.publication import publish_mapping
from routing.services.registries.registries import add_registry
from tests.conftest import Person
from tests.services.changes.conftest import add_at

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"
HEADINGS = "hostname,prefix,target,enabled,private,allow_push,delivery\n"


def exported() -> str:
    rows = Mapping.objects.with_names().order_by("hostname__name", "prefix")
    return "".join(csv_of_mappings(rows))


def deeds(found: Preview) -> list[tuple[int, str, str]]:
    return [(line.number, line.source, line.deed.value) for line in found.lines]


def drafted(actor: Actor, text: str) -> ChangeSet:
    return draft(actor, "CHG-1: import", wishes=wishes_of_csv(actor, text))


def put_in_force(actor: Actor, change_set: ChangeSet) -> ChangeSet:
    return apply(actor, change_set_id=change_set.pk, checksum=change_set.checksum)


def targets() -> dict[str, str]:
    return {row.source: row.target for row in Mapping.objects.with_names()}


# ---------------------------------------------------------------- what a line does
def test_each_line_is_told_with_what_it_would_do_and_nothing_is_written(owner: Person, mappings: list[Mapping]) -> None:
    before, generation, registries = targets(), Generation.objects.get().value, Registry.objects.count()
    text = (
        f"{HEADINGS}{HOST},app,docker.io/acme/app,yes,no,no,auto\n{HOST},web,registry.new.example/web,,,,\n"
        f"{HOST},web/api,,no,,,\n{HOST},new/one,ghcr.io/acme/one,,yes,,\n{HOST},new/two,,,,,\n"
    )

    found = preview_import(owner.actor, text)

    assert deeds(found) == [
        (3, f"{HOST}/web", "repoint"),
        (4, f"{HOST}/web/api", "change options"),
        (5, f"{HOST}/new/one", "add"),
        (6, f"{HOST}/new/two", "error"),
    ]
    assert [list(line.steps) for line in found.lines] == [
        [Step("target", "docker.io/acme/web", "registry.new.example/web")],
        [Step("enabled", "yes", "no")],
        [Step("mapping", "none", "ghcr.io/acme/one"), Step("private", "no", "yes")],
        [],
    ]
    assert found.wrong == ["line 6: there is no such mapping: to add it, give a target"]
    assert (found.total, found.counts[Deed.NOTHING], found.can_be_drafted) == (5, 1, False)
    assert (targets(), Generation.objects.get().value, Registry.objects.count()) == (before, generation, registries)
    assert not ChangeSet.objects.exists()


def test_what_is_exported_changes_nothing_when_it_is_imported(owner: Person, mappings: list[Mapping]) -> None:
    update_mapping(owner.actor, "r", mapping_id=mappings[0].pk, private=True, delivery="redirect-only", enabled=False)
    add_mapping(owner.actor, "", hostname=HOST, prefix="", target="quay.io/acme")

    found = preview_import(owner.actor, exported())

    assert (found.total, found.counts[Deed.NOTHING], found.lines, found.can_be_drafted) == (4, 4, [], False)
    assert wishes_of_csv(owner.actor, exported().replace(",", ";")) == []


def test_a_mapping_of_a_shared_registry_stays_there_where_its_tenant_has_one_of_its_own(
    owner: Person, platform: Actor, mappings: list[Mapping]
) -> None:
    add_mapping(owner.actor, "", hostname=HOST, prefix="quay", target="quay.io/acme")
    add_registry(platform, "r", tenant_id=owner.tenant.pk, name="own", origin="https://quay.io")

    assert preview_import(owner.actor, exported()).counts[Deed.NOTHING] == 4


def test_an_export_of_one_place_is_the_import_of_another(owner: Person, mappings: list[Mapping]) -> None:
    update_mapping(owner.actor, "r", mapping_id=mappings[0].pk, private=True, enabled=False)
    text, before = exported(), targets()
    remove_mappings(owner.actor, "r", mapping_ids=[mapping.pk for mapping in mappings])

    put_in_force(owner.actor, drafted(owner.actor, text))

    assert (exported(), targets()) == (text, before)


def test_the_lines_that_do_something_are_a_table_that_does_the_same(owner: Person, mappings: list[Mapping]) -> None:
    text = f"prefix,hostname,target,private\napp,{HOST},,\nweb,{HOST},quay.io/web,yes\nnew,{HOST},quay.io/new,no\n"
    found = preview_import(owner.actor, text)

    again = preview_import(owner.actor, found.csv)

    assert (again.total, again.wishes) == (2, found.wishes)
    assert [line.steps for line in again.lines] == [line.steps for line in found.lines]


def test_a_line_is_judged_by_the_rules_that_hold_for_every_door(owner: Person, mappings: list[Mapping]) -> None:
    text = f"hostname,prefix,target\n{HOST},app,http://plain.example.com\n{HOST},all,docker.io\n"

    wrong = preview_import(owner.actor, text).wrong

    assert wrong[0].startswith("line 2: http://plain.example.com is not encrypted")
    assert wrong[1].startswith("line 3: all of docker.io can be mapped by operators of the platform only")


# ---------------------------------------------------------------- adding, by a change set
def test_what_is_added_is_there_once_it_is_applied_and_gone_once_that_is_undone(owner: Person) -> None:
    change_set = drafted(owner.actor, f"hostname,prefix,target,private\n{HOST},new,quay.io/new,yes\n")
    assert [(line.mapping_id, line.steps[0]) for line in diff(change_set)] == [
        (None, Step("mapping", "none", "quay.io/new"))
    ]
    assert targets() == {}

    applied = put_in_force(owner.actor, change_set)
    mapping = Mapping.objects.with_names().get()
    assert (mapping.target, mapping.private, applied.mapping_ids) == ("quay.io/new", True, [mapping.pk])
    past = mapping.history.get()
    assert (past.history_type, past.change_set, past.history_change_reason) == ("+", change_set.pk, "CHG-1: import")

    back = undo(owner.actor, "it was not meant", change_set_id=change_set.pk)
    assert targets() == {}
    assert diff(back)[0].steps == [Step("mapping", "quay.io/new", "none")]
    undo(owner.actor, "it was", change_set_id=back.pk)
    assert targets() == {f"{HOST}/new": "quay.io/new"}


def test_nothing_is_added_where_a_mapping_is_by_now_and_the_next_draft_changes_that_one(owner: Person) -> None:
    change_set = drafted(owner.actor, f"hostname,prefix,target\n{HOST},app,quay.io/new\n")
    mapping = add_at(owner.actor, HOST, "app")

    with pytest.raises(Stale):
        put_in_force(owner.actor, change_set)
    assert get_differences(owner.actor, change_set.pk) == [f"the mapping {HOST}/app is there by now"]

    again = redraft(owner.actor, change_set_id=change_set.pk)
    assert (again.mapping_ids, diff(again)[0].steps) == (
        [mapping.pk],
        [Step("target", "docker.io/acme/app", "quay.io/new")],
    )


def test_what_was_added_and_changed_or_published_since_is_not_taken_back(owner: Person) -> None:
    change_set = put_in_force(
        owner.actor, drafted(owner.actor, f"hostname,prefix,target\n{HOST},a,quay.io/a\n{HOST},b,quay.io/b\n")
    )
    first, second = Mapping.objects.order_by("prefix")
    update_mapping(owner.actor, "r", mapping_id=first.pk, private=True)
    publish_mapping(owner.actor, "r", mapping_id=second.pk, user="robot", password="secret")

    with pytest.raises(Stale) as refusal:
        undo(owner.actor, "back", change_set_id=change_set.pk)

    assert refusal.value.differences == [
        f"the mapping {HOST}/a was changed since",
        f"the mapping {HOST}/b was published since",
    ]
    assert Mapping.objects.count() == 2


def test_no_more_is_added_than_the_tenant_may_have(owner: Person, mappings: list[Mapping]) -> None:
    owner.tenant.max_mappings = 4
    owner.tenant.save()
    text = f"hostname,prefix,target\n{HOST},a,quay.io/a\n{HOST},b,quay.io/b\n"

    found = preview_import(owner.actor, text)

    assert "may have 4 mappings" in found.problem
    assert not found.can_be_drafted
    with pytest.raises(ServiceError, match="may have 4 mappings"):
        drafted(owner.actor, text)
    change_set = drafted(owner.actor, text.rsplit("\n", 2)[0])
    add_at(owner.actor, HOST, "meanwhile")
    with pytest.raises(ServiceError, match="may have 4 mappings"):
        put_in_force(owner.actor, change_set)


def test_additions_alone_take_the_approval_of_somebody_who_may(owner: Person, teammate: Person) -> None:
    owner.tenant.needs_approval = True
    owner.tenant.save()
    change_set = drafted(owner.actor, f"hostname,prefix,target\n{HOST},a,quay.io/a\n")
    with pytest.raises(ServiceError, match="nobody has approved it yet"):
        put_in_force(owner.actor, change_set)
    approve(teammate.actor, change_set_id=change_set.pk, checksum=change_set.checksum)
    teammate.tenant.memberships.filter(user=teammate.user).delete()

    with pytest.raises(ServiceError, match="may not do that any more"):
        put_in_force(owner.actor, change_set)
    assert not Mapping.objects.exists()


# ---------------------------------------------------------------- whose
def test_a_row_of_another_tenant_is_wrong_and_says_nothing_of_what_is_there(
    owner: Person, outsider: Person, mappings: list[Mapping]
) -> None:
    text = f"hostname,prefix,target\n{HOST},app,quay.io/mine\nno.such.example,app,quay.io/mine\n"

    found = preview_import(outsider.actor, text)

    assert found.wrong == [
        "line 2: there is no such hostname, or it isn't yours: add it first",
        "line 3: there is no such hostname, or it isn't yours: add it first",
    ]
    with pytest.raises(ServiceError):
        drafted(outsider.actor, text)


def test_who_may_only_look_at_a_tenant_is_told_by_line(owner: Person, outsider: Person) -> None:
    outsider.tenant.memberships.create(user=owner.user, role="viewer")
    text = f"hostname,prefix,target\n{HOST},a,quay.io/a\n{outsider.hostname.name},a,quay.io/a\n"

    found = preview_import(Actor.person(owner.user), text)

    assert len(found.wrong) == 1
    assert "line 3: your role in" in found.wrong[0]


def test_who_may_change_nothing_anywhere_gets_no_preview(owner: Person) -> None:
    owner.tenant.memberships.filter(user=owner.user).update(role="viewer")

    with pytest.raises(PermissionDenied):
        preview_import(Actor.person(owner.user), HEADINGS)


# ---------------------------------------------------------------- files that are none
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the table is empty"),
        (b"\n\n  \n", "the table is empty"),
        (b"prefix,target\na,b\n", "names no column “hostname”"),
        (b"hostname,prefix,colour\n", "there is no column “colour”"),
        (b"hostname,prefix,prefix\n", "the column “prefix” is there twice"),
        (HEADINGS.encode("utf-16"), "the file is UTF-16"),
        (HEADINGS.encode("utf-16-le"), "line 1 has a NUL character"),
        (HEADINGS.encode() + "docker.acme.com,caf\u00e9,x\n".encode("latin-1"), "line 2 is not UTF-8"),
        (HEADINGS.encode() + b"docker.acme.com,a\0b,x\n", "line 2 has a NUL character"),
        (HEADINGS.encode() + b'a,b\n"docker.acme.com,a,b\n' + b"x,y\n" * 40_000, "line 3: a quote is opened here"),
        (HEADINGS.encode() + b'"docker.acme.com,a,b\nx,y\n', "line 2: a quote is opened here"),
        (HEADINGS.encode() + b'"docker"x,a,b\n', "line 2: this is not CSV"),
        (b"," * 1_000_000, "the table is empty"),
        (b"hostname,prefix," + b"x," * 1_000_000, "there is no column “x”"),
        (b"hostname,prefix\n" + b"a" * MAX_BYTES, "the table has more than 16 MiB"),
        (b"hostname,prefix\n" + b"a\n" * (MAX_LINES + 1), f"the table has more than {MAX_LINES:,} lines"),
    ],
    ids=range(16),
)
def test_what_is_no_table_is_refused_as_a_whole(owner: Person, content: bytes, said: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        preview_import(owner.actor, content)

    assert said in refusal.value.message
    assert len(refusal.value.message) < 300


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["none", "BOM"])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("between", [b",", b";", b"\t"], ids=["comma", "semicolon", "tab"])
def test_what_spreadsheets_write_is_read(owner: Person, mark: bytes, ends: bytes, between: bytes) -> None:
    lines = [b"Hostname,Prefix,Target,", b"docker.acme.com,a,quay.io/a,", b"", b'"docker.acme.com","b"," quay.io/b ",']
    content = mark + ends.join(lines).replace(b",", between)

    assert [line.source for line in preview_import(owner.actor, content).lines] == [f"{HOST}/a", f"{HOST}/b"]


def test_formulas_are_no_names_and_what_an_export_escaped_is_what_it_was(
    owner: Person, mappings: list[Mapping]
) -> None:
    formulas = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "'=1")
    text = "hostname,prefix,target\n" + "".join(f'{HOST},"{each}",quay.io/a\n' for each in formulas)
    text += f"'{HOST},app,quay.io/a\n{HOST},app,'=1\n"

    found = preview_import(owner.actor, text)

    assert found.counts == {**dict.fromkeys(Deed, 0), Deed.WRONG: 7}
    assert "“=1” is not a prefix" in found.wrong[4]


def test_a_mapping_may_be_there_but_once(owner: Person, mappings: list[Mapping]) -> None:
    text = f"hostname,prefix,target\n{HOST},app,quay.io/a\n{HOST},/app/,quay.io/b\n{HOST.upper()},app,quay.io/a\n"

    assert preview_import(owner.actor, text).wrong == [
        f"line 3: {HOST}/app stands in line 2 already",
        f"line 4: {HOST}/app stands in line 2 already",
    ]


def test_of_a_file_that_is_half_bad_all_bad_lines_are_told_and_nothing_can_be_drafted(owner: Person) -> None:
    lines = [f"{HOST},a{number},{'quay.io/a' if number % 2 else 'not a target:1.0'}\n" for number in range(60)]

    found = preview_import(owner.actor, "hostname,prefix,target\n" + "".join(lines))

    assert (found.counts[Deed.ADD], found.counts[Deed.WRONG], found.can_be_drafted) == (30, 30, False)
    with pytest.raises(ServiceError) as refusal:
        drafted(owner.actor, "hostname,prefix,target\n" + "".join(lines))
    assert len(refusal.value.errors) == 30
    assert refusal.value.message.endswith("and 10 more lines")
    assert not ChangeSet.objects.exists()


def test_a_line_of_another_length_and_endless_names_are_told_in_short(owner: Person) -> None:
    endless = "a" * 100_000
    text = f"hostname,prefix,target\n{HOST},a\n{HOST},a,quay.io/a,more\n{endless},a,quay.io/a\n{HOST},a,{endless}\n"

    wrong = preview_import(owner.actor, text).wrong

    assert wrong[0] == "line 2: it has another number of fields (2) than the line of headings (3)"
    assert wrong[1].startswith("line 3: it has another number of fields (4)")
    assert all(len(said) < 200 for said in wrong)


def test_a_table_that_changes_too_much_for_one_set_says_where(owner: Person) -> None:
    text = "hostname,prefix,target\n" + "".join(f"{HOST},a{each},quay.io/a\n" for each in range(MAX_SET_ROWS + 1))

    with pytest.raises(ServiceError, match=f"up to line {MAX_SET_ROWS + 2} the table changes more than"):
        preview_import(owner.actor, text)


def test_ten_megabytes_of_wrong_lines_take_bounded_memory_and_few_queries(owner: Person) -> None:
    content = b"hostname,prefix,target\n" + b"docker.acme.com," + b"a" * 140 + b",not a target:1.0\n"
    content += content[23:] * 59_999
    tracemalloc.start()
    try:
        with CaptureQueriesContext(connection) as queries:
            found = preview_import(owner.actor, content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found.counts[Deed.WRONG] == 60_000
    assert len(found.lines) == 1_000
    assert peak < 20 * len(content)
    assert len(queries) < 1_000


# ---------------------------------------------------------------- labels
def test_labels_are_exported_and_sent_back_unchanged_they_change_nothing(
    owner: Person, mappings: list[Mapping]
) -> None:
    update_mapping(owner.actor, "", mapping_id=mappings[0].pk, labels="team=web legacy")

    text = exported()

    assert text.splitlines()[1].endswith(",legacy team=web")
    assert preview_import(owner.actor, text).counts[Deed.NOTHING] == len(mappings)


def test_a_table_sets_labels_and_takes_them_away_and_that_is_undone(owner: Person, mappings: list[Mapping]) -> None:
    first, second = mappings[0], mappings[1]
    update_mapping(owner.actor, "", mapping_id=first.pk, labels="old")
    update_mapping(owner.actor, "", mapping_id=second.pk, labels="old")
    generation = Generation.objects.get().value
    text = (
        f"hostname,prefix,target,labels\n{HOST},{first.prefix},,team=web b\n{HOST},{second.prefix},,-\n"
        f"{HOST},new,ghcr.io/acme/new,fresh\n{HOST},{mappings[2].prefix},,\n"
    )

    def labels() -> dict[str, str]:
        return dict(Mapping.objects.values_list("prefix", "labels"))

    found = preview_import(owner.actor, text)
    made = put_in_force(owner.actor, drafted(owner.actor, found.csv))

    assert [list(line.steps) for line in found.lines][:2] == [
        [Step("labels", "old", "b team=web")],
        [Step("labels", "old", "none")],
    ]
    assert (labels()[first.prefix], labels()[second.prefix], labels()["new"]) == ("b team=web", "", "fresh")
    # Of the new mapping alone.
    assert Generation.objects.get().value == generation + 1
    # Others' labels are no part of what was reviewed.
    update_mapping(owner.actor, "", mapping_id=mappings[2].pk, labels="meanwhile")
    undo(owner.actor, "not yet", change_set_id=made.pk)
    assert (labels()[first.prefix], labels()[second.prefix], "new" in labels()) == ("old", "old", False)


def test_a_draft_that_says_nothing_of_labels_stays_valid_when_they_change(
    owner: Person, mappings: list[Mapping]
) -> None:
    mapping = mappings[0]
    switch = drafted(owner.actor, f"{HEADINGS}{HOST},{mapping.prefix},,,yes,,\n")
    relabel = drafted(owner.actor, f"hostname,prefix,labels\n{HOST},{mapping.prefix},wanted\n")
    update_mapping(owner.actor, "", mapping_id=mapping.pk, labels="meanwhile")

    with pytest.raises(Stale, match="labels from none to meanwhile"):
        put_in_force(owner.actor, relabel)
    put_in_force(owner.actor, switch)

    assert Mapping.objects.get(pk=mapping.pk).labels == "meanwhile"


def test_what_is_no_label_is_told_with_its_line(owner: Person, mappings: list[Mapping]) -> None:
    text = f"hostname,prefix,labels\n{HOST},{mappings[0].prefix},Team\n{HOST},{mappings[1].prefix},a=1 a=2\n"

    first, second = preview_import(owner.actor, text).wrong

    assert first.startswith("line 2: “Team” is no label")
    assert second.startswith("line 3: a stands here twice")
