"""facade history, and that of one mapping or hostname."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from routing.models import Mapping
from routing.services.base.history_strays import begin_anew
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"


@pytest.fixture(autouse=True)
def _some(owner: Person, outsider: Person) -> None:
    for words in (
        ("mapping", "add", HOST, "acme", "ghcr.io/acme", "--reason", "moving in"),
        ("mapping", "repoint", HOST, "acme", "quay.io/acme", "--reason", "CHG-4211"),
        ("mapping", "add", "docker.globex.com", "g", "ghcr.io/g", "--private"),
        ("mapping", "remove", HOST, "acme", "--reason", "moved out"),
        ("hostname", "suspend", HOST, "--message", "unpaid"),
    ):
        assert facade(*words).status == 0


def test_for_people() -> None:
    lines = facade("history").out.splitlines()

    assert lines[0].endswith(f"  suspended hostname {HOST}")
    assert lines[1:3] == ["    suspended: no → yes", "    suspension message: none → unpaid"]
    assert lines[3].startswith("    by command line: ")
    assert f"  removed mapping {HOST}/acme" in lines[4]
    assert lines[5].endswith(": moved out")
    repointed = next(number for number, line in enumerate(lines) if "→ quay.io/acme" in line)
    assert lines[repointed - 1].endswith(f"  repointed mapping {HOST}/acme")
    assert lines[repointed] == "    target: ghcr.io/acme → quay.io/acme"
    assert lines[repointed + 1].endswith(": CHG-4211")


def test_each_kind_of_change_has_its_word() -> None:
    for words in (
        ("mapping", "add", HOST, "b", "ghcr.io/b"),
        ("mapping", "disable", HOST, "b"),
        ("mapping", "enable", HOST, "b"),
        ("hostname", "resume", HOST),
        ("tenant", "suspend", "globex"),
        ("tenant", "resume", "globex"),
        ("registry", "add", "r.acme.com", "--tenant", "acme"),
        ("registry", "set", "r.acme.com", "--name", "Ours"),
        ("registry", "set", "r.acme.com", "--stream-layers"),
        ("member", "set-role", "globex", "charles", "owner"),
    ):
        assert facade(*words).status == 0, words

    said = [line.split("UTC  ")[1] for line in facade("history").out.splitlines() if "UTC  " in line]

    assert said[:9] == [
        "changed options of registry Ours",
        "renamed registry Ours",
        "added registry r.acme.com",
        "resumed tenant globex",
        "suspended tenant globex",
        f"resumed hostname {HOST}",
        f"enabled mapping {HOST}/b",
        f"disabled mapping {HOST}/b",
        f"added mapping {HOST}/b",
    ]


def test_for_programs() -> None:
    newest, *_ = facade("history", "--json").json

    assert (newest["action"], newest["noun"], newest["name"]) == ("changed", "hostname", HOST)
    assert newest["changes"][0] == {"field": "suspended", "before": False, "after": True}


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--tenant", "globex", "--noun", "mapping"), 1),
        (("--noun", "mapping"), 4),
        (("--noun", "mapping", "--limit", "2"), 2),
        (("--actor", "nobody"), 0),
        (("--since", "2999-01-01"), 0),
        (("--until", "2999-01-01", "--noun", "mapping"), 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_some_of_it(words: tuple[str, ...], count: int) -> None:
    assert len(facade("history", "--json", *words).json) == count


def test_what_one_call_did() -> None:
    request = facade("history", "--json").json[0]["request_id"]

    assert [entry["name"] for entry in facade("history", "--json", "--request", request).json] == [HOST]


def test_of_a_mapping_that_is_gone_and_there_again() -> None:
    facade("mapping", "add", HOST, "acme", "ghcr.io/again")

    told = facade("mapping", "history", HOST, "acme", "--json").json

    assert [entry["action"] for entry in told] == ["added", "removed", "changed", "added"]
    assert facade("hostname", "history", HOST).out.count("hostname docker.acme.com\n") >= 2


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("mapping", "history", HOST, "no"), 3, "there was never a mapping docker.acme.com/no"),
        (("hostname", "history", "no.acme.com"), 3, "there was never a hostname no.acme.com"),
        (("history", "--tenant", "no"), 1, "there is no tenant no"),
        (("history", "--since", "yesterday"), 2, "yesterday is no time: write it like 2026-11-26"),
        (("history", "--limit", "0"), 2, "0 is no number from 1 on"),
        (("history", "--limit", "10001"), 1, "--limit is 10,000 at most"),
    ],
)
def test_what_is_not_there(words: tuple[str, ...], status: int, says: str) -> None:
    done = facade(*words)

    assert (done.status, done.out) == (status, "")
    assert says in done.err


def test_none() -> None:
    said = facade("history", "--since", f"{timezone.now():%Y}-12-31T23:59:59+00:00").out

    assert said == "Nothing was done, as far as the history goes back.\n"


def test_what_a_hostname_pointed_to_at_a_time() -> None:
    facade("mapping", "add", HOST, "later", "ghcr.io/later")
    now = f"{timezone.now() + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}"

    said = facade("history", "--at", now, "--hostname", HOST, "--json").json

    assert [(row["mapping"], row["target"]) for row in said] == [(f"{HOST}/later", "ghcr.io/later")]
    assert said[0]["state"] == "hostname suspended"
    assert "Nothing was mapped there then" in facade("history", "--at", "2020-01-01", "--tenant", "acme").out
    assert "say whose" in facade("history", "--at", now).err
    assert "--hostname goes with --at" in facade("history", "--hostname", HOST).err


class TestVerify:
    """facade verify-history."""

    def test_all_is_as_it_was_written(self) -> None:
        begin_anew()
        found = facade("verify-history")

        assert found.status == 0
        assert found.out.splitlines()[-1] == "The history is as it was written."
        facts = facade("verify-history", "--json").json
        assert (facts["is_whole"], facts["findings"], facts["strays"]) == (True, [], 0)
        assert facts["head"] in found.out
        assert facade("verify-history", "--head", facts["head"]).status == 0

    def test_what_was_changed_is_named(self) -> None:
        begin_anew()
        entry = Mapping.history.filter(prefix="acme").latest().pk
        Mapping.history.filter(pk=entry).update(actor="somebody else")

        found = facade("verify-history")

        assert found.status == 3
        assert f"entry {entry} of a mapping: it is not as it was written" in found.out
        assert "The history is not as it was written." in found.err
        assert [each["entry"] for each in facade("verify-history", "--json").json["findings"]] == [entry]

    def test_what_is_no_head_is_refused(self) -> None:
        found = facade("verify-history", "--head", "nonsense")

        assert found.status == 1
        assert "This is no head of the chain" in found.err
