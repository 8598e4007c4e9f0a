"""A backup holds every row as it was at one moment, in a file that is its owner's alone; restored, all is as it was."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.apps import apps
from django.db import connection
from pytest_django import Settings

from routing.core.table.routing_table import State, Table
from routing.crypto import key_id, key_id_of
from routing.dataplane.live.live_table import LiveTable
from routing.models import Change, Generation, Job, Mapping, Registry, Restoration
from routing.moving import backup
from routing.moving.backup_file import BackupWriter, read_header
from routing.moving.schema import LEFT_OUT
from routing.registries.auth.accounts import PullAccount, open_account
from routing.services.mappings.mappings import add_mapping, repoint
from routing.services.registries.accounts import set_account
from routing.services.registries.registries import add_registry
from routing.table.change_log import newest_state
from routing.table.row_check import digest_of_rows
from tests.accounts.authenticator_app import PERIOD, code
from tests.accounts.signing_in import Browser, is_signed_in, sign_in
from tests.commands.facade import facade
from tests.conftest import Person, make_owner
from tests.moving.house import PASSPHRASE, SET_UP, House, back_up, end_of, furnish, rows_of, wipe


@pytest.fixture
def house(owner: Person) -> House:
    return furnish(owner)


@pytest.fixture
def passphrase(tmp_path: Path) -> list[str]:
    """The option that names a file with it."""
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    return ["--passphrase-file", str(file)]


def test_a_restored_database_is_the_former_one(house: House, tmp_path: Path, table: Callable[[], Table]) -> None:
    digest, served = digest_of_rows(), table().digest
    back_up(tmp_path / "backup")
    wipe()

    done = facade("restore", str(tmp_path / "backup"))

    assert done.status == 0, done.err
    back_up(tmp_path / "again")
    first, second = rows_of(tmp_path / "backup"), rows_of(tmp_path / "again")
    # Encrypted anew, under the same key.
    for rows in (first, second):
        for name, column in (("mfa_authenticator", "data"), ("routing_job", "arguments")):
            assert [row.pop(column) for row in rows[name]]
    assert first == second
    assert end_of(tmp_path / "backup") == end_of(tmp_path / "again")
    assert (digest_of_rows(), table().digest) == (digest, served)


def test_people_sign_in_as_before(
    house: House, tmp_path: Path, table: Callable[[], Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: iter([PERIOD]))
    back_up(tmp_path / "backup")
    wipe()
    facade("restore", str(tmp_path / "backup"))

    table()
    browser = Browser()
    sign_in(browser, "alice")
    assert not is_signed_in(browser)
    browser.post("/accounts/2fa/authenticate/", {"code": code(house.totp_secret)})

    assert is_signed_in(browser)
    assert RecoveryCodes.activate(house.owner.user).get_unused_codes() == house.codes


def test_the_number_of_a_row_that_is_gone_is_given_to_no_other(house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "backup")
    wipe()
    facade("restore", str(tmp_path / "backup"))

    added = add_mapping(SET_UP, "", hostname=house.owner.hostname.name, prefix="new", target="ghcr.io/new").mapping

    assert added.pk > house.removed_mapping
    assert [past.history_type for past in added.history.all()] == ["+"]


def test_whoever_follows_the_table_loads_it_whole(house: House, tmp_path: Path) -> None:
    live = LiveTable()
    live.refresh()
    before = live.table
    assert before is not None
    back_up(tmp_path / "backup")
    repoint(SET_UP, "lost", hostname=house.owner.hostname.name, prefix="acme", target="docker.io/lost")
    live.refresh()
    wipe()

    facade("restore", str(tmp_path / "backup"))
    live.refresh()

    assert live.table is not None
    assert live.table.digest == before.digest
    assert newest_state() == State(live.table.generation, live.table.nonce)
    assert live.table.generation > before.generation


def test_whoever_followed_the_empty_database_loads_it_whole(house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "backup")
    digest = digest_of_rows()
    wipe()
    live = LiveTable()
    live.refresh()

    facade("restore", str(tmp_path / "backup"))
    live.refresh()

    assert live.table is not None
    assert live.table.digest == digest


def test_two_restores_are_two_histories(house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "backup")
    states = []
    for _ in range(2):
        wipe()
        facade("restore", str(tmp_path / "backup"))
        states.append(newest_state())

    assert states[0].generation == states[1].generation
    assert states[0].nonce != states[1].nonce


# ---------------------------------------------------------------- the file
def test_the_file_is_its_owners_from_the_beginning(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, modes = tmp_path / "backup", []
    real = BackupWriter.write

    def looks(self: BackupWriter, *arguments: Any, **options: Any) -> None:
        modes.append(stat.S_IMODE(path.stat().st_mode))
        real(self, *arguments, **options)

    monkeypatch.setattr(BackupWriter, "write", looks)
    before = os.umask(0)
    try:
        back_up(path)
    finally:
        os.umask(before)

    assert set(modes) == {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_stays(house: House, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    path.write_text("something else")

    done = facade("backup", str(path))

    assert done.status == 1
    assert "File exists" in done.err
    assert path.read_text() == "something else"


def test_a_backup_that_fails_leaves_nothing(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BackupWriter, "finish", full)

    done = facade("backup", str(tmp_path / "backup"))

    assert done.status == 1
    assert "no backup was made: No space left on device" in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_encrypted_file_tells_nothing_but_its_first_line(
    house: House, tmp_path: Path, passphrase: list[str], settings: Settings
) -> None:
    back_up(tmp_path / "plain")
    back_up(tmp_path / "sealed", "--with-keys", *passphrase)

    content = (tmp_path / "sealed").read_bytes()
    with (tmp_path / "sealed").open("rb") as file:
        header, _ = read_header(file)
    assert header.is_encrypted
    assert header.key_ids == [key_id(settings.SECRET_KEY)]
    assert b"alice" not in content
    assert settings.SECRET_KEY.encode() not in content
    assert rows_of(tmp_path / "sealed", PASSPHRASE) == rows_of(tmp_path / "plain")


def test_sessions_and_what_the_former_servers_held_are_left_out(house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "backup")

    held = set(rows_of(tmp_path / "backup"))
    tables = {model._meta.label_lower: model._meta.db_table for model in apps.get_models(include_auto_created=True)}

    assert held.isdisjoint(tables[label] for label in LEFT_OUT)
    assert set(end_of(tmp_path / "backup")["rows"]) == {
        table for label, table in tables.items() if label not in LEFT_OUT
    }


@pytest.fixture
def lasting_owner(transactional_db: None) -> Person:
    """One whom other connections see, too."""
    return make_owner("alice", "acme")


def test_it_is_of_one_moment_and_holds_up_no_writer(
    lasting_owner: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = furnish(lasting_owner)
    generation = newest_state().generation
    real = backup._pieces
    moved: list[bool] = []

    def move() -> None:
        repoint(SET_UP, "meanwhile", hostname=house.owner.hostname.name, prefix="acme", target="docker.io/late")
        connection.close()

    def pieces(*arguments: Any) -> Iterator[Any]:
        for piece in real(*arguments):
            if not moved:
                writer = threading.Thread(target=move)
                writer.start()
                writer.join(30)
                moved.append(not writer.is_alive())
            yield piece

    monkeypatch.setattr(backup, "_pieces", pieces)
    back_up(tmp_path / "backup")

    assert moved == [True]
    assert newest_state().generation > generation
    with (tmp_path / "backup").open("rb") as file:
        assert read_header(file)[0].generation == generation
    rows = rows_of(tmp_path / "backup")
    assert [row["upstream_prefix"] for row in rows["routing_mapping"]] == ["acme"]
    assert "meanwhile" not in {row["history_change_reason"] for row in rows["routing_historicalmapping"]}


# ---------------------------------------------------------------- keys
def move_to_another_key(settings: Settings, *fallbacks: str) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = (
        "the key of another server, made at its first start",
        [*fallbacks],
    )


def test_keys_that_come_along_make_second_factors_good(
    house: House, tmp_path: Path, passphrase: list[str], settings: Settings
) -> None:
    back_up(tmp_path / "backup", "--with-keys", *passphrase)
    wipe()
    move_to_another_key(settings)

    done = facade("restore", str(tmp_path / "backup"), *passphrase)

    assert done.status == 0, done.err
    present = key_id(settings.SECRET_KEY)
    rotated = facade("rotate-keys", "--json").json
    assert rotated["changed"] is False
    (rows,) = [each["rows"] for each in rotated["keys"] if each["key_id"] == present]
    assert len(rotated["keys"]) == 1
    assert {what: number for what, number in rows.items() if number} == {"second factors": 2, "mails that wait": 1}
    assert RecoveryCodes.activate(house.owner.user).get_unused_codes() == house.codes


def test_the_former_key_as_a_fallback_does_as_well(house: House, tmp_path: Path, settings: Settings) -> None:
    back_up(tmp_path / "backup")
    wipe()
    move_to_another_key(settings, settings.SECRET_KEY)

    facade("restore", str(tmp_path / "backup"))

    sealed = Authenticator.objects.get(type="totp").data["secret"]
    assert key_id_of("registry-facade second factors v1", sealed) == key_id(settings.SECRET_KEY)


def test_without_any_key_it_is_refused_and_says_which_is_needed(
    house: House, tmp_path: Path, settings: Settings
) -> None:
    former = key_id(settings.SECRET_KEY)
    back_up(tmp_path / "backup")
    wipe()
    move_to_another_key(settings)

    done = facade("restore", str(tmp_path / "backup"))

    assert done.status == 1
    assert "no key opens 2 second factors, 1 mails that wait of this backup" in done.err
    assert f"(key {former})" in done.err
    assert not Mapping.objects.exists()

    assert facade("restore", str(tmp_path / "backup"), "--allow-unreadable").status == 0
    assert facade("rotate-keys").status == 3


def test_keys_go_along_only_under_a_passphrase(house: House, tmp_path: Path) -> None:
    done = facade("backup", str(tmp_path / "backup"), "--with-keys")

    assert done.status == 1
    assert "the backup takes a passphrase, and nobody is there to type it" in done.err
    assert not (tmp_path / "backup").exists()


def test_a_passphrase_comes_from_the_environment_too(house: House, tmp_path: Path, settings: Settings) -> None:
    settings.FACADE_BACKUP_PASSPHRASE = PASSPHRASE
    back_up(tmp_path / "backup")
    wipe()

    assert facade("restore", str(tmp_path / "backup")).status == 0
    assert rows_of(tmp_path / "backup", PASSPHRASE)["auth_user"]


def test_a_passphrase_is_typed_twice(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter([PASSPHRASE, "another one", PASSPHRASE, PASSPHRASE, PASSPHRASE])
    monkeypatch.setattr("routing.management.verbs.output.Output.has_person", True)
    monkeypatch.setattr("getpass.getpass", lambda question: next(typed))

    assert "the two are not the same" in facade("backup", str(tmp_path / "backup"), "--encrypt").err
    assert facade("backup", str(tmp_path / "backup"), "--encrypt").status == 0
    wipe()
    assert facade("restore", str(tmp_path / "backup")).status == 0


@pytest.mark.parametrize(
    ("content", "said"), [("short\n", "fewer than 12"), ("", "there is no passphrase in"), (None, "can't be read from")]
)
def test_a_passphrase_that_is_none_is_told(tmp_path: Path, db: None, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "passphrase").write_text(content)

    done = facade("backup", str(tmp_path / "backup"), "--passphrase-file", str(tmp_path / "passphrase"))

    assert done.status == 1
    assert said in done.err
    assert not (tmp_path / "backup").exists()


# ---------------------------------------------------------------- where it goes
def test_a_dry_run_looks_at_everything_and_changes_nothing(house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "backup")
    wipe()

    done = facade("restore", str(tmp_path / "backup"), "--dry-run")

    assert done.status == 0, done.err
    assert re.search(r"^A backup of .* UTC, of \w+, by release \S+, not encrypted. It is whole.$", done.out, re.M)
    assert not Mapping.objects.exists()
    assert not Restoration.objects.exists()


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_database_with_rows_is_left_alone(house: House, tmp_path: Path, words: tuple[str, ...]) -> None:
    back_up(tmp_path / "backup")
    digest = digest_of_rows()

    done = facade("restore", str(tmp_path / "backup"), *words)

    assert done.status == 1
    assert "the database is not empty" in done.err
    assert "1 in routing_mapping" in done.err
    assert digest_of_rows() == digest


def test_a_job_is_nobodys_when_it_is_restored(house: House, tmp_path: Path) -> None:
    Job.objects.update(lease="of a former server", lease_until="2100-01-01T00:00:00Z")
    back_up(tmp_path / "backup")
    wipe()

    facade("restore", str(tmp_path / "backup"))

    assert Job.objects.values_list("lease", "lease_until").get() == ("", None)


def test_the_change_log_begins_anew(house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "backup")
    wipe()

    facade("restore", str(tmp_path / "backup"))

    assert list(Change.objects.values_list("kind", "entry")) == [("restored", None)]
    assert Change.objects.get().generation == Generation.objects.get().value


@pytest.mark.parametrize("options", [[], ["--with-accounts"]])
def test_accounts_at_registries_go_along_by_choice_alone(owner: Person, tmp_path: Path, options: list[str]) -> None:
    registry = add_registry(SET_UP, "", tenant_id=owner.tenant.pk, name="ours", origin="https://registry.acme.com")
    set_account(SET_UP, "", registry_id=registry.pk, user="robot", password="hunter2")
    sealed = Registry.objects.get(pk=registry.pk).account_sealed

    back_up(tmp_path / "backup", *options)
    (row,) = [row for row in rows_of(tmp_path / "backup")["routing_registry"] if row["id"] == registry.pk]
    wipe()
    assert facade("restore", str(tmp_path / "backup")).status == 0

    restored = Registry.objects.get(pk=registry.pk)
    assert row["account_sealed"] == (sealed if options else "")
    assert restored.account_user == "robot"
    opened = open_account(restored.account_sealed, "https://registry.acme.com")
    assert opened == (PullAccount("robot", "hunter2") if options else None)
