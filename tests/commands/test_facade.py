"""`facade NOUN VERB`: each verb, what it says to people and to programs, and its exit status.

All tests have the same rows to begin with; test_facade_alone.py has what needs others, or none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from routing.core.table.routing_table import Table
from routing.models import (
    ApiToken,
    Change,
    Confirmation,
    Generation,
    Hostname,
    HostnameClaim,
    Invitation,
    Mapping,
    Membership,
    Registry,
    Tenant,
)
from tests.commands.facade import facade
from tests.conftest import make_owner
from tests.dns.name_server import NameServer, txt

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"
CLAIMED = "registry.acme.com"
RECORD = f"_registry-facade.{CLAIMED}"
WHY = ("--reason", "ticket 7")
TABLES = (
    *(Tenant, Hostname, HostnameClaim, Registry, Mapping, Membership, Invitation, ApiToken),
    *(Generation, Change, Confirmation),
)


def rows() -> str:
    """All that verbs write."""
    past = [model.history.model for model in (Tenant, Hostname, Registry, Mapping, Membership)]
    return "\n".join(serializers.serialize("json", model._default_manager.order_by("pk")) for model in (*TABLES, *past))


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Something to change for every verb, made once, since that takes longer than most tests; each is rolled back.

    Gives the token of a claim.
    """
    with (
        closing(NameServer()) as server,
        override_settings(FACADE_DNS_SERVERS=[server.at]),
        django_db_blocker.unblock(),
        transaction.atomic(),
    ):
        owner = make_owner("alice", "acme")
        make_owner("charles", "globex")
        get_user_model()._default_manager.create_user(username="dora")
        Tenant.objects.create(slug="empty", name="Empty")
        Hostname.objects.create(tenant=owner.tenant, name="idle.acme.com")
        for words in (
            ("mapping", "add", HOST, "acme", "ghcr.io/acme"),
            ("mapping", "add", HOST, "off", "ghcr.io/off"),
            ("mapping", "disable", HOST, "off"),
            ("hostname", "claim", CLAIMED, "--tenant", "acme"),
            ("hostname", "suspend", "docker.globex.com"),
            ("tenant", "suspend", "empty"),
            ("registry", "add", "r.acme.com", "--tenant", "acme"),
            ("member", "add", "acme", "dora", "--role", "viewer"),
            ("member", "invite", "acme", "eve@example.com"),
            ("token", "create", "alice", "pipeline"),
        ):
            assert facade(*words).status == 0, facade(*words)
        yield HostnameClaim.objects.get().token
        transaction.set_rollback(True)


@pytest.fixture
def world(db: None, made: str, name_server: NameServer) -> NameServer:
    """What was made, and a name server that knows the claim's record. Nobody else is asked."""
    name_server.answers(RECORD, txt(f"registry-facade-proof={made}"))
    return name_server


#: Every verb that changes something → what it says of it.
CHANGES: dict[tuple[str, ...], str] = {
    ("mapping", "add", HOST, "new", "quay.io/acme"): "Added mapping docker.acme.com/new → quay.io/acme",
    ("mapping", "repoint", HOST, "acme", "quay.io/acme", *WHY): (
        "Repointed docker.acme.com/acme from ghcr.io/acme to quay.io/acme"
    ),
    ("confirm",): "Confirmed generation",
    ("mapping", "notice", HOST, "acme", "moves soon"): "Changed notice of docker.acme.com/acme",
    ("mapping", "enable", HOST, "off"): "Enabled mapping docker.acme.com/off → ghcr.io/off",
    ("mapping", "disable", HOST, "acme"): "Disabled mapping docker.acme.com/acme → ghcr.io/acme",
    ("mapping", "remove", HOST, "acme"): "Removed mapping docker.acme.com/acme → ghcr.io/acme",
    ("hostname", "add", "new.acme.com", "--tenant", "acme"): (
        "Vouched for new.acme.com: it is a hostname of acme that needs no DNS record"
    ),
    ("hostname", "claim", "claim.acme.com", "--tenant", "acme"): "Claimed claim.acme.com for acme",
    ("hostname", "check", CLAIMED): "Added hostname registry.acme.com of acme",
    ("hostname", "suspend", HOST, "--message", "no"): "Suspended hostname docker.acme.com",
    ("hostname", "resume", "docker.globex.com"): "Resumed hostname docker.globex.com",
    ("hostname", "hand-over", "idle.acme.com", "--to", "globex"): "Handed idle.acme.com over from Acme to Globex",
    ("hostname", "remove", "idle.acme.com"): "Removed hostname idle.acme.com of acme",
    ("registry", "add", "s.acme.com", "--shared", "--stream-layers"): "Added registry https://s.acme.com",
    ("registry", "set", "r.acme.com", "--name", "Ours"): "Changed registry r.acme.com",
    ("registry", "remove", "r.acme.com"): "Removed registry https://r.acme.com",
    ("tenant", "add", "initech", "--name", "Initech"): "Added tenant initech",
    ("tenant", "suspend", "acme"): "Suspended tenant acme",
    ("tenant", "resume", "empty"): "Resumed tenant empty",
    ("tenant", "remove", "empty"): "Removed tenant empty",
    ("member", "add", "globex", "dora", "--role", "operator"): "Made dora an operator of globex",
    ("member", "invite", "acme", "new@example.com", "--role", "viewer"): "new@example.com",
    ("member", "set-role", "acme", "dora", "operator"): "Made dora an operator of acme",
    ("member", "remove", "acme", "dora"): "Removed dora from acme",
    ("person", "remove", "dora"): "Removed dora: 1 memberships",
    ("token", "create", "alice", "new", "--read-only", "--days", "9"): "",
    ("token", "revoke", "alice", "pipeline"): "Revoked token pipeline of alice",
}
#: These ask registries, and are tried with one in test_probes.py.
PROBES = {("registry", "probe"), ("probe",)}


@pytest.mark.parametrize("words", CHANGES, ids=lambda words: " ".join(words[:2]))
class TestChanges:
    def test_a_dry_run_says_it_and_changes_nothing(self, world: NameServer, words: tuple[str, ...]) -> None:
        before = rows()

        done = facade(*words, "--dry-run")

        assert (done.status, done.err) == (0, "")
        first, *lines = done.out.splitlines()
        assert first == "Dry run: nothing is changed. Without --dry-run:"
        assert CHANGES[words] in "\n".join(lines)
        assert rows() == before
        assert "facade_" not in done.out
        assert "/invitation/" not in done.out

    def test_it_is_done_and_told_to_people(self, world: NameServer, words: tuple[str, ...]) -> None:
        before = rows()

        done = facade(*words)

        assert (done.status, done.err) == (0, "")
        assert CHANGES[words] in done.out
        assert rows() != before

    @pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["done", "dry"])
    def test_it_is_told_to_programs(self, world: NameServer, words: tuple[str, ...], dry: list[str]) -> None:
        done = facade(*words, "--json", *dry)

        assert done.status == 0
        assert done.json["changed"] is True
        assert done.json["dry_run"] is bool(dry)
        assert ("secret" in done.json) is (words[:2] == ("token", "create") and not dry)
        assert ("link" in done.json) is (words[:2] == ("member", "invite") and not dry)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("mapping", "add", HOST, "acme", "ghcr.io/acme"), "Nothing to change: docker.acme.com/acme → ghcr.io/acme"),
        (("mapping", "enable", HOST, "acme"), "docker.acme.com/acme → ghcr.io/acme is enabled already."),
        (("mapping", "disable", HOST, "off"), "docker.acme.com/off → ghcr.io/off is disabled already."),
        (("hostname", "suspend", "docker.globex.com"), "docker.globex.com is suspended already."),
        (("hostname", "resume", HOST), "docker.acme.com is not suspended."),
        (("tenant", "add", "acme"), "There is a tenant acme already."),
        (("tenant", "add", "acme", "--name", "Acme"), "There is a tenant acme already."),
        (("tenant", "resume", "acme"), "acme is not suspended."),
        (
            ("registry", "set", "r.acme.com", "--name", "r.acme.com"),
            "Nothing to change: r.acme.com has these values already",
        ),
        (("member", "set-role", "acme", "dora", "viewer"), "dora is a viewer of acme already."),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_what_is_so_already_is_no_error(world: NameServer, words: tuple[str, ...], says: str) -> None:
    before = rows()

    assert says in facade(*words).out
    assert facade(*words, "--json").json["changed"] is False
    assert rows() == before


@pytest.mark.parametrize(
    ("status", "words", "says"),
    [
        (1, ("mapping", "add", HOST, "Acme", "ghcr.io/acme"), "not a prefix"),
        (1, ("mapping", "add", HOST, "acme", "quay.io/acme"), "points to ghcr.io/acme already"),
        (1, ("mapping", "repoint", HOST, "no", "quay.io/acme", *WHY), "no mapping of docker.acme.com/no"),
        (2, ("mapping", "repoint", HOST, "acme", "quay.io/acme"), "required: --reason"),
        (2, ("mapping", "add", HOST), "required: PREFIX, TARGET"),
        (2, ("mapping", "add", f"{HOST}/acme", "ghcr.io/acme"), f"write them apart: {HOST} acme; see"),
        (2, ("mapping", "show", f"{HOST}/acme/app"), f"write them apart: {HOST} acme/app; see"),
        (2, ("help", "nothing"), "there is no command nothing"),
        (2, ("help", "mapping", "nothing"), "there is no command mapping nothing"),
        (3, ("mapping", "show", HOST, "no"), "no mapping of docker.acme.com/no"),
        (1, ("mapping", "list", "--tenant", "no"), "there is no tenant no"),
        (3, ("hostname", "show", "no.acme.com"), "there is no hostname no.acme.com, and no claim of it"),
        (1, ("hostname", "remove", HOST), "still used by mappings"),
        (1, ("hostname", "remove", "no.acme.com"), "there is no hostname no.acme.com, and no claim of it"),
        (3, ("hostname", "check", "no.acme.com"), "is not claimed"),
        (3, ("registry", "show", "no.acme.com"), "there is no registry no.acme.com"),
        (1, ("registry", "set", "r.acme.com"), "say what to change"),
        (2, ("registry", "add", "s.acme.com"), "one of the arguments --tenant --shared is required"),
        (1, ("registry", "remove", "ghcr.io"), "still used by mappings"),
        (3, ("tenant", "show", "no"), "there is no tenant no"),
        (1, ("tenant", "add", "acme", "--name", "Other"), "there is a tenant acme already, called Acme"),
        (1, ("tenant", "remove", "acme"), "still used by"),
        (1, ("member", "set-role", "globex", "dora", "owner"), "dora is not a member of globex"),
        (2, ("member", "set-role", "acme", "dora", "king"), "invalid choice: 'king'"),
        (1, ("member", "remove", "acme", "alice"), "is the last owner of Acme"),
        (1, ("hostname", "hand-over", "no.acme.com", "--to", "globex"), "there is no hostname no.acme.com"),
        (2, ("hostname", "hand-over", HOST), "required: --to"),
        (1, ("person", "remove", "nosuch"), "No user “nosuch”."),
        (3, ("person", "export", "nosuch"), "No user “nosuch”."),
        (3, ("tenant", "export", "no"), "there is no tenant no"),
        (1, ("token", "create", "nosuch", "x"), "No active user “nosuch”."),
        (1, ("token", "revoke", "alice", "no"), "alice has no token no"),
        (3, ("explain", "no.acme.com/app"), "is not a hostname"),
        (1, ("explain", "nothing"), "is not an image"),
        (2, ("completion", "csh"), "invalid choice: 'csh'"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_what_is_not_done(world: NameServer, status: int, words: tuple[str, ...], says: str) -> None:
    before = rows()

    done = facade(*words)

    assert (done.status, done.out) == (status, "")
    assert says in done.err
    assert "\n" not in done.err.strip()
    assert rows() == before


#: Every list → what a line of it says, and what its JSON says of the same.
LISTS: dict[tuple[str, ...], tuple[str, dict[str, object]]] = {
    ("mapping", "list"): (
        "docker.acme.com/off  → ghcr.io/off  (off)",
        {"hostname": HOST, "prefix": "off", "enabled": False},
    ),
    ("hostname", "list"): ("docker.globex.com  globex  suspended  vouched for", {"hostname": "docker.globex.com"}),
    ("hostname", "list", "--claims"): ("registry.acme.com  acme    claimed  not checked yet", {"hostname": CLAIMED}),
    ("registry", "list", "--tenant", "acme"): (
        "r.acme.com  r.acme.com  acme    not known yet  never",
        {"origin": "https://r.acme.com", "tenant": "acme"},
    ),
    ("registry", "list", "--shared"): ("docker.io", {"registry": "docker.io", "tenant": None}),
    ("tenant", "list"): ("empty", {"tenant": "empty", "suspended": True}),
    ("member", "list", "--tenant", "acme"): ("acme    dora   viewer", {"username": "dora", "role": "viewer"}),
    ("member", "list", "--invitations"): ("acme    eve@example.com  owner", {"email": "eve@example.com"}),
    ("person", "list"): ("dora     none", {"username": "dora", "is_platform_operator": False}),
    ("token", "list", "--user", "alice"): ("alice  pipeline  (all of theirs)  change  never", {"name": "pipeline"}),
}


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_lists(world: NameServer, words: tuple[str, ...]) -> None:
    line, fact = LISTS[words]

    told, read = facade(*words), facade(*words, "--json")

    assert any(each.startswith(line) for each in told.out.splitlines()), told.out
    assert any(fact.items() <= row.items() for row in read.json), read.json
    assert (told.status, read.status) == (0, 0)


@pytest.mark.parametrize(
    ("words", "line", "fact"),
    [
        (("mapping", "show", HOST, "acme"), "state:       enabled", {"target": "ghcr.io/acme", "public": "unknown"}),
        (("hostname", "show", "docker.globex.com"), "state:    suspended", {"mappings": 0, "state": "suspended"}),
        (("hostname", "show", CLAIMED), "claimed by acme: not checked yet", {}),
        (("registry", "show", "docker.io"), "address:             https://registry-1.docker.io", {"tenant": None}),
        (("tenant", "show", "acme"), "mappings:   2 of 10,000", {"name": "Acme", "suspended": False}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_one_is_shown(world: NameServer, words: tuple[str, ...], line: str, fact: dict[str, object]) -> None:
    assert line in facade(*words).out.splitlines()
    assert fact.items() <= facade(*words, "--json").json.items()


def test_what_is_suspended_and_resumed(world: NameServer, table: Callable[[], Table]) -> None:
    def refusal() -> str:
        host = table().hosts.get(HOST)
        assert host is not None
        return host.refusal

    facade("hostname", "suspend", HOST, "--message", "unpaid", "--reason", "invoice 9")
    assert refusal() == "unpaid"
    assert Hostname.objects.get(name=HOST).history.latest().history_change_reason == "invoice 9"

    facade("hostname", "resume", HOST)
    assert refusal() == ""


class TestClaims:
    def test_not_proved(self, world: NameServer) -> None:
        world.forget(RECORD)

        done = facade("hostname", "check", CLAIMED, "--json")

        assert done.status == 3
        assert done.json["proved"] is False
        assert "the name does not exist" in done.err

    def test_taken_back(self, world: NameServer) -> None:
        assert "Took back the claim of registry.acme.com by acme" in facade("hostname", "remove", CLAIMED).out
        assert not HostnameClaim.objects.exists()


def test_an_invitation_is_withdrawn(world: NameServer) -> None:
    done = facade("member", "remove", "acme", "eve@example.com")

    assert done.out == "Withdrew the invitation of eve@example.com to acme\n"
    assert not Invitation.objects.exists()


class TestOfManagePy:
    """The commands that were there before do the same, and say the same."""

    @pytest.mark.parametrize(
        ("former", "words"),
        [
            (("list_mappings",), ("mapping", "list")),
            (("list_mappings", "--json"), ("mapping", "list", "--json")),
            (("explain", f"{HOST}/acme/app"), ("explain", f"{HOST}/acme/app")),
        ],
        ids=lambda value: " ".join(value),
    )
    def test_the_same_is_printed(
        self, world: NameServer, former: tuple[str, ...], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command(*former)

        assert capsys.readouterr().out == facade(*words).out

    def test_programs_read_them_too(self, world: NameServer, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("invite", "acme", "b@example.com", "--json")
        call_command("claim_hostname", "b.acme.com", "--tenant", "acme", "--dry-run", "--json")

        invited, _, claimed = capsys.readouterr().out.partition("\n}\n")
        assert "/accounts/invitation/" in json.loads(f"{invited}}}")["link"]
        assert json.loads(claimed)["dry_run"] is True
