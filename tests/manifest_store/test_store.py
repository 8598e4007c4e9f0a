"""Remembered manifests on the disk: what is whole is given, what is too much leaves, what can't be written is told."""

from __future__ import annotations

import errno
import hashlib
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from routing.manifest_store import notes, pruning
from routing.manifest_store import store as stores
from routing.manifest_store.bodies import Bodies, Damaged, is_kept
from routing.manifest_store.notes import MAX_NOTE_BYTES, Notes
from routing.manifest_store.pruning import prune
from routing.manifest_store.store import Manifest, ManifestStore, Repository, Tag, stored_bytes
from tests.waiting import until

MIB = 1024**2
APP = Repository("https://ghcr.io", "acme/app")
OTHER = Repository("https://ghcr.io", "acme/other")
BODY = b'{"schemaVersion":2}'


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def of(body: bytes, at: float | None = None) -> Manifest:
    digest = digest_of(body)
    headers = (("content-type", "application/json"), ("docker-content-digest", digest))
    return Manifest(digest, headers, time.time() if at is None else at)


@pytest.fixture
def store(tmp_path: Path) -> ManifestStore:
    return ManifestStore(str(tmp_path / "manifests"), 16 * MIB)


def again(store: ManifestStore) -> ManifestStore:
    """The same store, as another process has it."""
    store.settle()
    return ManifestStore(store._folder, store._bound_bytes)


def files(store: ManifestStore, kind: str) -> list[Path]:
    return sorted(path for path in (Path(store._folder) / kind).rglob("*") if path.is_file())


def test_what_is_kept_is_there_for_every_process(store: ManifestStore) -> None:
    manifest, tag = of(BODY), Tag(digest_of(BODY), 1000.0)
    assert store.keep(APP, "1", manifest, BODY)
    assert store.keep_tag(APP, "1.0", tag)

    other = again(store)
    assert other.manifest(APP, manifest.digest) == manifest
    assert other.bodies.read(manifest.digest) == BODY
    assert other.tag(APP, "1.0") == tag
    assert other.manifest(OTHER, manifest.digest) is None
    assert other.tag(APP, "2.0") is None


def test_evidence_belongs_to_one_repository_of_one_registry(store: ManifestStore) -> None:
    """Also where somebody has copied its file."""
    store.keep(APP, "1", of(BODY), BODY)
    store.keep(OTHER, "1", of(b"{}"), b"{}")
    (source,) = [path for path in files(store, "repositories") if path.name == f"m-{digest_of(BODY).replace(':', '-')}"]
    (folder,) = {path.parent for path in files(store, "repositories")} - {source.parent}
    (folder / source.name).write_bytes(source.read_bytes())

    assert again(store).manifest(OTHER, digest_of(BODY)) is None


def test_a_refusal_ends_what_was_said_before_in_every_process(store: ManifestStore) -> None:
    other = again(store)
    store.keep(APP, "1", of(BODY, 1000.0), BODY)
    store.keep_tag(APP, "1.0", Tag(digest_of(BODY), 1000.0))
    store.keep(OTHER, "1", of(BODY, 1000.0), BODY)
    before = other.manifest(APP, digest_of(BODY))
    assert before is not None
    assert before.confirmed_at == 1000.0

    store.refuse(APP, 1001.0, forget=False)

    seen, tag = other.manifest(APP, digest_of(BODY)), other.tag(APP, "1.0")
    assert seen is not None
    assert tag is not None
    assert (seen.confirmed_at, tag.asked_at) == (0, 0)
    assert other.has_refused(APP, 1001.0)
    assert not other.has_refused(APP, 1001.1)
    # What is said later counts again, and no other repository is concerned.
    store.confirm(APP, of(BODY, 1002.0))
    for repository, at in ((APP, 1002.0), (OTHER, 1000.0)):
        kept = other.manifest(repository, digest_of(BODY))
        assert kept is not None
        assert kept.confirmed_at == at


def test_a_refusal_of_all_takes_away_what_was_there(store: ManifestStore) -> None:
    store.keep(APP, "1", of(BODY), BODY)
    store.refuse(APP, time.time(), forget=True)

    assert again(store).manifest(APP, digest_of(BODY)) is None


def test_a_refusal_of_what_nobody_knows_leaves_nothing_behind(store: ManifestStore) -> None:
    """Callers choose names."""
    store.refuse(APP, time.time(), forget=True)

    assert files(store, "repositories") == []


def test_on_a_full_disk_a_refusal_ends_it_all_the_same(store: ManifestStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.keep(APP, "1", of(BODY), BODY)
    monkeypatch.setattr(notes, "_created", _no_room)

    store.refuse(APP, time.time(), forget=False)

    assert again(store).manifest(APP, digest_of(BODY)) is None


def _no_room(path: str) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def test_what_cannot_be_written_is_raised_and_leaves_nothing(
    store: ManifestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: str, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    monkeypatch.setattr(os, "replace", half)
    with pytest.raises(OSError, match="No space left"):
        store.keep(APP, "1", of(BODY), BODY)
    monkeypatch.undo()

    assert [path for path in files(store, "") if "~" in path.name] == []


def test_it_says_once_that_it_cannot_be_written_and_once_that_it_can(
    store: ManifestStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            store.switch_off(OSError(errno.EROFS, "Read-only file system"))
        assert not store.is_on
        store._off_until = 0.0
        assert store.is_on
        for number in range(3):
            store.keep_tag(APP, str(number), Tag(digest_of(BODY), 1.0))

    assert [record.getMessage() for record in caplog.records] == [
        "manifests are not remembered for now: the store can't be written (Read-only file system)",
        "manifests are remembered again",
    ]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def _changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [_cut, _changed, _emptied, _a_folder])
def test_a_file_that_was_changed_gives_no_wrong_byte(store: ManifestStore, damage: Callable[[Path], None]) -> None:
    store.keep(APP, "1", of(BODY), BODY)
    store.keep_tag(APP, "1.0", Tag(digest_of(BODY), 1.0))
    for path in [*files(store, "bodies"), *files(store, "repositories")]:
        damage(path)

    other = again(store)
    assert other.manifest(APP, digest_of(BODY)) is None
    assert other.tag(APP, "1.0") is None
    try:
        assert other.bodies.read(digest_of(BODY)) is None
    except Damaged:
        assert other.bodies.read(digest_of(BODY)) is None


@pytest.mark.parametrize("damage", [_cut, _changed, _emptied, _a_folder])
def test_a_refusal_that_cannot_be_read_is_still_one(
    store: ManifestStore, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows of when: what was said before it is found so counts no longer, what is said later does."""
    monkeypatch.setattr(stores, "now", lambda: 2000.0)
    store.keep(APP, "1", of(BODY, 1500.0), BODY)
    store.refuse(APP, 1600.0, forget=False)
    (refused,) = [path for path in files(store, "repositories") if path.name == "refused"]
    damage(refused)

    other = again(store)
    seen = other.manifest(APP, digest_of(BODY))
    assert seen is not None
    assert seen.confirmed_at == 0

    if damage is not _a_folder:  # In whose place no note can be written.
        store.confirm(APP, of(BODY, 2001.0))
        later = other.manifest(APP, digest_of(BODY))
        assert later is not None
        assert later.confirmed_at == 2001.0


def test_a_damaged_body_is_told_once_and_can_be_written_anew(tmp_path: Path) -> None:
    bodies = Bodies(str(tmp_path), MIB)
    bodies.write(digest_of(BODY), BODY)
    _changed(Path(bodies.path(digest_of(BODY))))
    fresh = Bodies(str(tmp_path), MIB)
    with pytest.raises(Damaged):
        fresh.read(digest_of(BODY))

    fresh.write(digest_of(BODY), BODY)
    assert Bodies(str(tmp_path), MIB).read(digest_of(BODY)) == BODY


def test_in_memory_are_the_last_used_within_the_bound(tmp_path: Path) -> None:
    bodies = Bodies(str(tmp_path), 1000)
    texts = [bytes([number]) * 400 for number in range(3)]
    for text in texts:
        bodies.write(digest_of(text), text)
    assert [bodies.in_memory(digest_of(text)) for text in texts] == [None, texts[1], texts[2]]

    assert bodies.read(digest_of(texts[0])) == texts[0]
    assert bodies.in_memory(digest_of(texts[1])) is None
    bodies.write(digest_of(b"x" * 1001), b"x" * 1001)
    assert bodies.in_memory(digest_of(b"x" * 1001)) is None


def test_long_headers_are_not_kept(store: ManifestStore) -> None:
    manifest = of(BODY)._replace(headers=(("etag", "x" * MAX_NOTE_BYTES),))

    assert not store.keep(APP, "1", manifest, BODY)
    assert store.manifest(APP, manifest.digest) is None


def test_notes_in_memory_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_KNOWN", 10)
    found = Notes()
    for number in range(100):
        found.write(f"{tmp_path}/{number}", {"number": number})
        assert found.read(f"{tmp_path}/{number}") == {"number": number}

    assert len(found._known) <= 10


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        (digest_of(BODY), True),
        ("sha512:" + "ab" * 64, True),
        ("sha512:" + "ab" * 32, False),
        ("sha384:" + "ab" * 48, False),
        ("md5:" + "ab" * 16, False),
        ("sha256:../../etc/passwd", False),
        ("", False),
    ],
)
def test_which_digests_hold(digest: str, expected: bool) -> None:
    assert is_kept(digest) == expected


# Pruning. Each manifest here takes some 100 KiB.


def fill(store: ManifestStore, repository: Repository, tenant: str, number: int, *, kib: int = 100) -> list[str]:
    digests = []
    for each in range(number):
        body = f"{repository}{tenant}{each}".encode().ljust(kib * 1024)
        digests.append(digest_of(body))
        assert store.keep(repository, tenant, of(body), body)
    # Nobody prunes any more, as one does at a time.
    store.settle()
    return digests


def used_long_ago(store: ManifestStore, digests: list[str], hours: float) -> None:
    # What is kept may have others pruned meanwhile, and one process at a time does that.
    store.settle()
    for digest in digests:
        at = time.time() - hours * 3600
        os.utime(store.bodies.path(digest), (at, at))


def there(store: ManifestStore, repository: Repository, digests: list[str]) -> list[bool]:
    fresh = again(store)
    return [fresh.manifest(repository, each) is not None and fresh.bodies.read(each) is not None for each in digests]


def size_of(store: ManifestStore) -> int:
    return sum(path.stat().st_blocks * 512 for path in files(store, ""))


def test_least_recently_used_leave_first(store: ManifestStore) -> None:
    repositories = [Repository("https://ghcr.io", f"acme/{number}") for number in range(3)]
    digests = [fill(store, repository, repository.name, 15) for repository in repositories]
    for hours, each in zip((2, 3, 1), digests, strict=True):
        used_long_ago(store, each, hours)

    prune(store._folder, 4 * MIB, time.time())

    assert size_of(store) <= 4 * MIB
    assert all(there(store, repositories[2], digests[2]))
    assert not any(there(store, repositories[1], digests[1]))


def test_no_tenant_takes_more_than_its_share(store: ManifestStore) -> None:
    quiet, loud = fill(store, APP, "1", 5), fill(store, OTHER, "2", 60)
    used_long_ago(store, quiet, 2)
    used_long_ago(store, loud, 1)

    prune(store._folder, 8 * MIB, time.time())

    assert all(there(store, APP, quiet))
    assert 20 < sum(there(store, OTHER, loud)) < 41


def test_bytes_that_two_repositories_have_stay_for_the_other(store: ManifestStore) -> None:
    shared = b"shared".ljust(100 * 1024)
    store.keep(APP, "1", of(shared), shared)
    mine = fill(store, APP, "1", 30)
    store.keep(OTHER, "2", of(shared), shared)
    used_long_ago(store, [digest_of(shared), *mine], 2)

    prune(store._folder, 4 * MIB, time.time())

    assert there(store, APP, [digest_of(shared)]) == [False]
    assert there(store, OTHER, [digest_of(shared)]) == [True]


def test_what_belongs_to_nothing_goes_after_a_while(store: ManifestStore) -> None:
    store.keep(APP, "1", of(BODY), BODY)
    store.bodies.write(digest_of(b"orphan"), b"orphan")
    left_over = Path(f"{store.bodies.path(digest_of(BODY))}~7-1")
    left_over.write_bytes(b"half")
    store.refuse(APP, time.time(), forget=True)
    store.settle()

    prune(store._folder, 16 * MIB, time.time())
    assert left_over.exists()
    assert there(store, APP, [digest_of(BODY)]) == [False]
    assert again(store).bodies.read(digest_of(b"orphan")) == b"orphan"

    prune(store._folder, 16 * MIB, time.time() + 120)
    assert files(store, "bodies") == []
    assert files(store, "repositories") == []


def test_old_tags_go(store: ManifestStore) -> None:
    store.keep(APP, "1", of(BODY), BODY)
    store.keep_tag(APP, "1.0", Tag(digest_of(BODY), 1.0))
    store.settle()

    prune(store._folder, 16 * MIB, time.time() + 8 * 86_400)

    assert again(store).tag(APP, "1.0") is None
    assert again(store).manifest(APP, digest_of(BODY)) is not None


def test_writing_prunes_by_itself_and_waits_for_nothing(tmp_path: Path) -> None:
    store = ManifestStore(str(tmp_path / "manifests"), 4 * MIB)

    def is_kept_now(number: int) -> bool:
        body = str(number).encode().ljust(100 * 1024)
        repository, tenant = (APP, "1") if number % 2 else (OTHER, "2")
        return store.keep(repository, tenant, of(body), body)

    for number in range(100):
        until(partial(is_kept_now, number), "there is room again")
    store.settle()

    assert size_of(store) <= 4 * MIB


def disk_with(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    """A disk on which so many bytes are free beside what stays so."""
    found = SimpleNamespace(f_bavail=(pruning.RESERVE_BYTES + free_bytes) // 4096, f_frsize=4096)
    monkeypatch.setattr("routing.manifest_store.pruning.os.statvfs", lambda _: found)


def test_where_the_disk_has_little_room_the_store_takes_no_more_than_that(
    store: ManifestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = fill(store, APP, "1", 30)
    disk_with(monkeypatch, -MIB)

    pruned = prune(store._folder, 16 * MIB, time.time())

    assert pruned.used_bytes <= pruned.allowed_bytes < 3 * MIB
    assert 5 < sum(there(store, APP, digests)) < 20


def test_on_a_disk_without_room_it_is_as_if_there_were_no_store_until_there_is(
    store: ManifestStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk_with(monkeypatch, -64 * MIB)
    assert store.keep(APP, "1", of(BODY), BODY)
    store.settle()
    assert not store.is_on
    # Its note may have been written while the others were looked through.
    prune(store._folder, 16 * MIB, time.time())
    assert there(store, APP, [digest_of(BODY)]) == [False]
    assert "the disk of the state folder has no room to spare" in caplog.text

    disk_with(monkeypatch, 64 * MIB)
    store._off_until = 0.0
    assert not store.keep(APP, "1", of(BODY), BODY)
    store.settle()
    assert store.keep(APP, "1", of(BODY), BODY)
    assert store.is_on


def test_one_process_at_a_time_prunes(store: ManifestStore) -> None:
    import fcntl

    fill(store, APP, "1", 30)
    store.settle()
    with open(f"{store._folder}/pruning", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prune(store._folder, MIB, time.time())
        assert size_of(store) > 2 * MIB
    assert prune(store._folder, MIB, time.time()).used_bytes <= MIB


def test_how_much_it_holds_is_told(store: ManifestStore, settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    assert stored_bytes() is None
    settings.FACADE_MANIFEST_STORE_BYTES = 16 * MIB
    fill(store, APP, "1", 10)
    store.settle()
    prune(store._folder, 16 * MIB, time.time())

    assert stored_bytes() == pytest.approx(10 * 104 * 1024, rel=0.2)


def _keep_writing(folder: str) -> None:
    store = ManifestStore(folder, 64 * MIB)
    number = 0
    while True:
        number += 1
        body = str(number % 50).encode().ljust(50_000)
        store.keep(APP, "1", of(body), body)
        store.keep_tag(APP, str(number % 5), Tag(digest_of(body), float(number)))


def _has_begun(store: ManifestStore) -> bool:
    return store.tag(APP, "3") is not None


def test_a_worker_that_is_killed_while_it_writes_leaves_what_is_whole(tmp_path: Path) -> None:
    folder = str(tmp_path / "manifests")
    for _ in range(5):
        worker = multiprocessing.get_context("fork").Process(target=_keep_writing, args=(folder,))
        worker.start()
        store = ManifestStore(folder, 64 * MIB)
        until(partial(_has_begun, store), "it has begun")
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(60)

    fresh = ManifestStore(folder, 64 * MIB)
    seen = 0
    for number in range(50):
        digest = digest_of(str(number).encode().ljust(50_000))
        if fresh.manifest(APP, digest) is not None:
            body = fresh.bodies.read(digest)
            assert body is not None
            assert digest_of(body) == digest
            seen += 1
    assert seen


def test_time_that_is_yet_to_come_is_not_younger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "now", lambda: 1000.0)

    assert [stores.is_younger(at, 100) for at in (899.0, 901.0, 1000.0, 1000.5, 1002.0)] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_what_it_remembers_is_what_everybody_can_read(
    store: ManifestStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 10_000.0
    monkeypatch.setattr(stores, "now", lambda: now)
    settings.FACADE_PUBLIC_SECONDS = 600.0
    digest = digest_of(BODY)
    store.keep(APP, "1", of(BODY, now), BODY)
    store.keep_tag(APP, "1.0", Tag(digest, now))

    assert [store.remembers(APP, each) for each in (digest, "1.0", "2.0", digest_of(b"x"))] == [
        True, True, False, False,
    ]  # fmt: skip
    assert not store.remembers(OTHER, digest)
    now += 601
    assert not store.remembers(APP, digest)
