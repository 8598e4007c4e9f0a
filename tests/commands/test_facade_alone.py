"""`facade` where nothing is there yet, or little: empty lists, explain, what is shown without a database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from routing.management.commands.facade import command_parser
from routing.management.entry import GROUPS, Noun
from routing.management.verbs.verb import Verb
from routing.models import Registry
from routing.services.people.members import invitation_of
from tests.commands.facade import facade
from tests.commands.test_facade import CHANGES, HOST, LISTS, PROBES
from tests.conftest import Person

pytestmark = pytest.mark.django_db
#: What `tests/moving` tries.
ELSEWHERE: set[tuple[str, ...]] = {("restore",), ("confirm-restore",), ("rotate-keys",)}
#: What `tests/commands/test_subscriptions.py` tries.
ELSEWHERE |= {("subscription", verb) for verb in ("add", "set", "renew-secret", "try", "send-again", "remove")}

#: What `tests/commands/test_change_commands.py` tries.
ELSEWHERE |= {("changes", verb) for verb in ("draft", "redraft", "approve", "apply", "undo", "discard")}
ELSEWHERE |= {("changes", "go-on"), ("changes", "stop")}
ELSEWHERE |= {("mapping", "roll-back"), ("tenant", "require-approval")}
#: What `tests/services/changes/test_policy.py` tries.
ELSEWHERE |= {("tenant", "policy")}
#: What `tests/commands/test_configuration.py` tries.
ELSEWHERE |= {("apply",)}
#: What `tests/services/test_registry_accounts.py`, `test_publication.py` and `test_front_door.py` try.
ELSEWHERE |= {
    ("registry", "set-account"),
    ("registry", "remove-account"),
    ("mapping", "publish"),
    ("mapping", "unpublish"),
}
ELSEWHERE |= {("hostname", "front-door")}
#: What `tests/commands/test_self_tests.py` tries.
ELSEWHERE |= {("hostname", "self-test")}
#: What `tests/commands/test_saved_filters.py` tries.
ELSEWHERE |= {("filter", "save"), ("filter", "remove")}
#: What `tests/commands/test_standbys.py` tries.
ELSEWHERE |= {("mapping", "standby"), ("mapping", "fail-back")}
#: What `tests/commands/test_labels.py` and `test_notes.py` try.
ELSEWHERE |= {(noun, verb) for noun in ("mapping", "hostname", "registry") for verb in ("label", "note")}
ELSEWHERE |= {("tenant", "note")}


def verbs() -> Iterator[tuple[tuple[str, ...], type[Verb]]]:
    for _, entries in GROUPS:
        for entry in entries:
            if isinstance(entry, Noun):
                yield from (((entry.name, verb.name), verb) for verb in entry.verbs)
            else:
                yield (entry.name,), entry


def test_every_verb_that_changes_something_is_tried_here() -> None:
    changing = {words for words, verb in verbs() if verb.changes}

    assert changing == {words[:2] for words in CHANGES} | PROBES | ELSEWHERE


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_empty_lists(words: tuple[str, ...]) -> None:
    Registry.objects.all().delete()
    words = words[:-2] if "--tenant" in words or "--user" in words else words

    assert facade(*words).out.startswith("No ")
    assert facade(*words, "--json").out == "[]\n"


def test_a_link_leads_to_where_the_settings_say(owner: Person, settings: Settings) -> None:
    settings.FACADE_CONTROL_HOSTS, settings.FACADE_LOOPBACK_PORT = ["localhost"], 18380

    done = facade("member", "invite", "acme", "eve@example.com")

    link = done.out.splitlines()[1]
    assert link.startswith("http://localhost:18380/accounts/invitation/")
    assert "(it points to http://localhost:18380, as FACADE_CONTROL_HOSTS" in done.out
    assert "--base-url" in done.out
    assert invitation_of(link.rstrip("/").rpartition("/")[2]).email == "eve@example.com"
    elsewhere = facade("member", "invite", "acme", "b@example.com", "--base-url", "https://x.test/", "--json")
    assert elsewhere.json["link"].startswith("https://x.test/accounts/invitation/")


def test_a_registry_that_several_tenants_have(owner: Person, outsider: Person) -> None:
    for slug in ("acme", "globex"):
        facade("registry", "add", "r.example.com", "--tenant", slug)

    assert "is a registry of acme and globex: say --tenant" in facade("registry", "show", "r.example.com").err
    assert facade("registry", "show", "r.example.com", "--tenant", "globex", "--json").json["tenant"] == "globex"
    facade("registry", "add", "https://r.example.org", "--shared", "--alias", "known.example")
    assert facade("registry", "show", "known.example", "--json").json["origin"] == "https://r.example.org"


class TestExplain:
    @pytest.fixture(autouse=True)
    def _mapped(self, owner: Person) -> None:
        facade("mapping", "add", HOST, "acme", "ghcr.io/acme", "--redirect-only")
        Registry.objects.filter(origin="https://ghcr.io").update(auth="bearer")

    def test_where_a_client_fails(self) -> None:
        done = facade("explain", f"{HOST}/acme/app", "--json")

        assert done.status == 3
        verdicts = {each["client"]: each["verdict"] for each in done.json["clients"]}
        assert verdicts["podman"] == "fails"
        assert done.json["target"] == "ghcr.io/acme"

    def test_people_are_told_why_it_ends_with_3_and_how_to_ask_about_some(self) -> None:
        every = facade("explain", f"{HOST}/acme/app", "--json").json["clients"]
        failing = [each for each in every if each["verdict"] == "fails"]

        last = facade("explain", f"{HOST}/acme/app").out.splitlines()[-1]

        assert last == (
            f"{len(failing)} of {len(every)} clients fail: exit status 3. --client NAME shows and judges only some."
        )
        passing = facade("explain", f"{HOST}/acme/app", "--client", "containerd image store")
        assert "exit status" not in passing.out

    def test_clients_that_do_not_matter_are_left_out(self) -> None:
        """Whether docker gets it nobody knows yet, which is no failure."""
        done = facade("explain", f"{HOST}/acme/app", "--client", "containerd image store")

        assert done.status == 0
        assert "podman" not in done.out
        assert facade("explain", f"{HOST}/acme/app", "--client", "PODMAN").status == 3
        assert facade("explain", f"{HOST}/acme/app", "--client", "nothing").status == 1

    def test_what_no_mapping_covers(self) -> None:
        done = facade("explain", f"{HOST}/other/app")

        assert done.status == 3
        assert "No mapping covers this name" in done.out


def test_help_is_by_groups() -> None:
    told = command_parser().format_help()

    for heading, entries in GROUPS:
        assert f"\n{heading}:\n" in told
        assert all(f"\n  {entry.name} " in told for entry in entries)
    assert "Exit status: 0 done, 1 refused, 2 wrong usage, 3 not so" in told
    assert "--settings" not in told


@pytest.mark.parametrize(("words", "shown"), [((), "facade COMMAND"), (("mapping",), "facade mapping")])
def test_what_is_missing_is_shown(words: tuple[str, ...], shown: str) -> None:
    done = facade(*words)

    assert (done.status, done.out) == (2, "")
    assert f"usage: {shown}" in done.err


@pytest.mark.parametrize("words", [(), ("mapping",), ("mapping", "add"), ("explain",)], ids=" ".join)
def test_help_is_a_command_too(words: tuple[str, ...]) -> None:
    done = facade("help", *words)

    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"usage: {' '.join(('facade', *words))} ")
