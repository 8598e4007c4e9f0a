"""A file that is not what was written, or can't be read here, is refused in one line, and no row is added."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from routing.models import Hostname, Mapping, Restoration
from routing.moving import restore as restoring
from routing.moving.backup_file import BackupWriter, Header, InvalidBackup, check_whole, frames, new_scrypt
from tests.commands.facade import facade
from tests.conftest import Person
from tests.moving.house import PASSPHRASE, back_up, furnish, wipe

SHA = hashlib.sha256().digest_size


@pytest.fixture(params=["plain", "encrypted"])
def backup(request: pytest.FixtureRequest, owner: Person, tmp_path: Path) -> Path:
    """A backup, of which the database is empty again."""
    furnish(owner)
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    path = tmp_path / "backup"
    back_up(path, *(["--passphrase-file", str(tmp_path / "passphrase")] if request.param == "encrypted" else []))
    wipe()
    return path


def refused(path: Path) -> str:
    """Why it is not restored."""
    done = facade("restore", str(path), "--passphrase-file", str(path.with_name("passphrase")))
    assert done.status == 1, done.out
    assert len(done.err.splitlines()) == 1
    assert not Hostname.objects.exists()
    assert not Restoration.objects.exists()
    return done.err


def with_checksum(content: bytes) -> bytes:
    """As somebody leaves it who knows the format."""
    return content[:-SHA] + hashlib.sha256(content[:-SHA]).digest()


def pieces(content: bytes) -> list[bytes]:
    """The first line, each frame, and what ends them."""
    line, _, rest = content.partition(b"\n")
    found, at = [line + b"\n"], 0
    while length := struct.unpack(">I", rest[at : at + 4])[0]:
        found.append(rest[at : at + 4 + length])
        at += 4 + length
    return [*found, rest[at:]]


def test_it_would_be_restored_otherwise(backup: Path) -> None:
    assert facade("restore", str(backup), "--passphrase-file", str(backup.with_name("passphrase"))).status == 0
    assert Mapping.objects.exists()


@pytest.mark.parametrize("left", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off(backup: Path, left: float) -> None:
    content = backup.read_bytes()
    backup.write_bytes(content[: int(left * len(content))])

    said = refused(backup)

    assert "cut off" in said or "is no backup" in said


def test_every_byte_counts(backup: Path) -> None:
    content = backup.read_bytes()
    for at in range(0, len(content), max(1, len(content) // 300)):
        backup.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with backup.open("rb") as file, pytest.raises(InvalidBackup):
            check_whole(file)
    assert "damaged" in refused(backup) or "is no backup" in refused(backup)


def test_what_was_added_counts(backup: Path) -> None:
    backup.write_bytes(backup.read_bytes() + b"more")

    assert "damaged" in refused(backup)


def without_a_frame(parts: list[bytes]) -> list[bytes]:
    return [*parts[:2], *parts[3:]]


def without_the_last(parts: list[bytes]) -> list[bytes]:
    return [*parts[:-2], parts[-1]]


def in_another_order(parts: list[bytes]) -> list[bytes]:
    return [parts[0], parts[2], parts[1], *parts[3:]]


def repeated(parts: list[bytes]) -> list[bytes]:
    return [*parts[:2], *parts[1:]]


def of_another_time(parts: list[bytes]) -> list[bytes]:
    facts = json.loads(parts[0])
    return [json.dumps({**facts, "generation": facts["generation"] + 1}).encode() + b"\n", *parts[1:]]


@pytest.mark.parametrize("change", [without_a_frame, without_the_last, in_another_order, repeated, of_another_time])
@pytest.mark.parametrize("backup", ["encrypted"], indirect=True)
def test_an_encrypted_file_that_somebody_changed(backup: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    backup.write_bytes(with_checksum(b"".join(change(pieces(backup.read_bytes())))))

    assert "somebody has changed the file" in refused(backup)


@pytest.mark.parametrize("change", [without_a_frame, without_the_last, repeated])
@pytest.mark.parametrize("backup", ["plain"], indirect=True)
def test_a_file_that_lacks_rows_is_no_backup(backup: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    backup.write_bytes(with_checksum(b"".join(change(pieces(backup.read_bytes())))))

    refused(backup)


@pytest.mark.parametrize("backup", ["encrypted"], indirect=True)
def test_a_wrong_passphrase(backup: Path) -> None:
    backup.with_name("passphrase").write_text("another passphrase")

    assert "the passphrase is not that of this backup" in refused(backup)


def test_a_passphrase_is_the_same_however_it_is_typed(tmp_path: Path) -> None:
    header = Header("1.0.0", "2026-01-01T00:00:00+00:00", "sqlite", 1, {}, scrypt=new_scrypt())
    path = tmp_path / "backup"
    with path.open("wb") as file:
        BackupWriter(file, header, "Ga\u0308rten am See").finish({"end": {}})

    with path.open("rb") as file:
        assert list(frames(file, "G\u00e4rten am See")) == [{"end": {}}]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[1]\n", b"\x00" * 100, b"SQLite format 3\x00", b"{" * 9999])
def test_another_file(content: bytes, tmp_path: Path, db: None) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    assert "the file is no backup of Registry Facade" in refused(path)


def test_no_file(tmp_path: Path, db: None) -> None:
    assert "can't be read: No such file or directory" in refused(tmp_path / "none")


def changed_line(path: Path, **facts: Any) -> None:
    first, *rest = pieces(path.read_bytes())
    line = json.dumps({**json.loads(first), **facts}).encode() + b"\n"
    path.write_bytes(with_checksum(b"".join([line, *rest])))


@pytest.mark.parametrize("backup", ["plain"], indirect=True)
def test_a_newer_format(backup: Path) -> None:
    changed_line(backup, registry_facade_backup=2, release="9.0.0")

    assert "is of format 2, this release reads 1: restore it with the release that made it, 9.0.0" in refused(backup)


@pytest.mark.parametrize("backup", ["plain"], indirect=True)
def test_a_newer_release(backup: Path) -> None:
    migrations = json.loads(pieces(backup.read_bytes())[0])["migrations"]
    changed_line(backup, release="9.0.0", migrations={**migrations, "routing": "0999_of_the_future"})

    assert "was made by a newer release, 9.0.0" in refused(backup)


@pytest.mark.parametrize("backup", ["plain"], indirect=True)
@pytest.mark.parametrize(
    "facts",
    [
        {"migrations": []},
        {"migrations": {"routing": ["0001"]}},
        {"generation": "1"},
        {"made_at": "yesterday"},
        {"scrypt": {"log_n": 40, "r": 8, "p": 1, "salt": "AAAA"}},
        {"scrypt": {"log_n": 16, "r": 8, "p": 1}},
        {"more": 1},
    ],
)
def test_a_first_line_that_says_nonsense(backup: Path, facts: dict[str, Any]) -> None:
    changed_line(backup, **facts)

    assert "first line can't be read" in refused(backup)


@pytest.mark.parametrize("backup", ["plain"], indirect=True)
@pytest.mark.parametrize(
    "frame",
    [
        {"table": "routing_nothing", "columns": [], "rows": []},
        {"table": "routing_tenant", "columns": ["id"], "rows": [[1]]},
        {"rows": []},
        {"end": {}},
    ],
)
def test_a_frame_of_something_else(backup: Path, frame: dict[str, Any]) -> None:
    body = zlib.compress(json.dumps(frame).encode())
    first, *rest = pieces(backup.read_bytes())
    backup.write_bytes(with_checksum(b"".join([first, struct.pack(">I", len(body)) + body, *rest])))

    refused(backup)


@pytest.mark.parametrize("backup", ["plain"], indirect=True)
def test_a_frame_that_would_fill_the_memory(backup: Path) -> None:
    body = zlib.compress(b"[" + b" " * (1 << 27) + b"]")
    first, *rest = pieces(backup.read_bytes())
    backup.write_bytes(with_checksum(b"".join([first, struct.pack(">I", len(body)) + body, *rest])))

    assert "can't be read" in refused(backup)


@pytest.mark.parametrize("backup", ["plain"], indirect=True)
def test_rows_that_the_database_refuses(backup: Path) -> None:
    first, *rest = pieces(backup.read_bytes())
    changed = []
    for part in rest[:-1]:
        frame = json.loads(zlib.decompress(part[4:]))
        if frame.get("table") == "routing_hostname":
            frame["rows"][0][frame["columns"].index("name")] = "Not a hostname"
        body = zlib.compress(json.dumps(frame).encode())
        changed.append(struct.pack(">I", len(body)) + body)
    backup.write_bytes(with_checksum(b"".join([first, *changed, rest[-1]])))

    assert "the backup's rows don't fit into the database; no row was added" in refused(backup)


@pytest.mark.parametrize("backup", ["plain"], indirect=True)
def test_a_database_that_breaks_off_has_no_row_of_it(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = restoring._insert, []

    def breaks(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 5:
            raise OperationalError("the connection is lost")
        real(*arguments)

    monkeypatch.setattr(restoring, "_insert", breaks)
    with pytest.raises(OperationalError):
        facade("restore", str(backup))

    assert not Hostname.objects.exists()
    monkeypatch.setattr(restoring, "_insert", real)
    assert facade("restore", str(backup)).status == 0
