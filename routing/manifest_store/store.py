"""What the facade fetched with nobody's credentials: manifests, and as of when everybody could read them.

Two facts are kept apart. *The bytes* are named by their digest and are one for all. *Evidence* belongs to one
repository of one registry: it gave this manifest (or said what this tag is) to the facade, which had brought nothing,
at such a time. Only who has evidence of a repository may be given bytes for it: to know a digest opens nothing. That a
repository refused ends all of its evidence from before.

On the disk, below the state folder, for all workers of a machine:

    bodies/ab/sha256-abcd…         the bytes; the time of change says when they were last used
    repositories/<hash>/about      whose repository it is, and which tenant's request brought it here
    repositories/<hash>/refused    when it last refused
    repositories/<hash>/m-sha256-… a manifest's headers, and when everybody could read it
    repositories/<hash>/t-1.0      a tag's digest, and when that was said
    flights                        is locked by whoever asks a registry, byte by byte

Nothing here asks a registry, and nothing here decides how long evidence is good for.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import threading
import time
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from routing.manifest_store.bodies import Bodies
from routing.manifest_store.notes import UNREADABLE, Facts, Notes
from routing.manifest_store.pruning import last_pruned, prune

logger = logging.getLogger(__name__)

# Of the store's bytes, what one worker may keep in memory, and at most.
_HOT_PART, _MOST_HOT_BYTES = 16, 32 * 1024**2
# Once so many parts of the bound were written, or after so many seconds, what is too much is looked for.
_PRUNED_PART, _PRUNED_SECONDS = 16, 600.0
_BLOCK_BYTES = 4096
_MOST_READ = 4096
# What the clock of a machine may have been put back by, in seconds.
_SKEW_SECONDS = 1.0
# How long nothing is kept and nothing served, where the disk refused to write.
_OFF_SECONDS = 30.0


def now() -> float:
    """The time in seconds since 1970, by which evidence is dated. Tests move it."""
    return time.time()


def is_younger(at: float, seconds: float) -> bool:
    """Whether a time since 1970 is no longer ago than that. One that is yet to come is not."""
    return -_SKEW_SECONDS < now() - at < seconds


class Repository(NamedTuple):
    """A repository by the name that it has at the registry; `origin` is scheme://host[:port].

    `via` names a mapping that is published, with its account: what that reads there is kept as
    another repository's would be, never as everybody's, nor as another mapping's. Empty for what everybody can read.
    """

    origin: str
    name: str
    via: str = ""


def published_via(mapping: str, account: str) -> str:
    """What names a published mapping with the account that it has now: with another one, nothing is known."""
    return f"{mapping} {hashlib.blake2b(account.encode(), digest_size=16).hexdigest()}"


class Manifest(NamedTuple):
    """What a repository said of one of its manifests. `headers` are those that are handed on, names in lower case.

    `confirmed_at`: when everybody could read it there; 0 where the repository has refused since.
    """

    digest: str
    headers: tuple[tuple[str, str], ...]
    confirmed_at: float

    @property
    def media_type(self) -> str:
        """The type that the registry gave it."""
        return dict(self.headers).get("content-type", "")


class Tag(NamedTuple):
    """Which manifest a tag was, when the registry was asked; 0 where the repository has refused since."""

    digest: str
    asked_at: float


class ManifestStore:
    """The store of one machine, as one process has it. Safe for threads and processes.

    Methods that write raise OSError. Those that read don't: what can't be read is not there.
    """

    def __init__(self, folder: str, bound_bytes: int) -> None:
        self._folder = folder
        self._bound_bytes = bound_bytes
        self._notes = Notes()
        # What notes say, as long as they are the same ones.
        self._read: dict[str, tuple[Facts, Manifest]] = {}
        self.bodies = Bodies(f"{folder}/bodies", min(bound_bytes // _HOT_PART, _MOST_HOT_BYTES))
        self._lock = threading.Lock()
        self._pruning: threading.Thread | None = None
        self._pruned_at = float("-inf")
        # By its share of the disk; once it was pruned, what that found.
        self._allowed_bytes = bound_bytes
        self._used_bytes = 0
        self._written_bytes = 0
        self._off_until = float("-inf")
        self._was_told = False
        # For the file of flights. Where it can't be made, the first note says so.
        with contextlib.suppress(OSError):
            os.makedirs(folder, mode=0o700, exist_ok=True)

    @property
    def flights_path(self) -> str:
        """The file whose bytes are locked by who asks a registry."""
        return f"{self._folder}/flights"

    @property
    def is_on(self) -> bool:
        """Whether anything is kept and served at the moment."""
        return time.monotonic() >= self._off_until

    def switch_off(self, error: OSError) -> None:
        """For some seconds it is as if there were no store: the disk refused. Said once in the log."""
        self._switch_off(_OFF_SECONDS, f"the store can't be written ({error.strerror})")

    def _switch_off(self, seconds: float, why: str) -> None:
        self._off_until = time.monotonic() + seconds
        if not self._was_told:
            logger.error("manifests are not remembered for now: %s", why)
        self._was_told = True

    def manifest(self, repository: Repository, digest: str) -> Manifest | None:
        """What the repository said of a manifest, however long ago."""
        folder = self._of(repository)
        path = _manifest_path(folder, digest)
        facts = self._notes.read(path)
        read = self._read.get(path)
        if read is not None and read[0] is facts:
            manifest = read[1]
        elif facts is None or not _is_about(facts, repository, digest=digest):
            return None
        else:
            headers = tuple((str(name), str(value)) for name, value in facts["headers"])
            manifest = Manifest(digest, headers, facts["at"])
            if len(self._read) >= _MOST_READ:
                self._read.clear()
            self._read[path] = facts, manifest
        return manifest._replace(confirmed_at=0) if self.has_refused(repository, manifest.confirmed_at) else manifest

    def tag(self, repository: Repository, tag: str) -> Tag | None:
        """Which manifest a tag was, however long ago."""
        folder = self._of(repository)
        facts = self._notes.read(f"{folder}/t-{tag}")
        if facts is None or not _is_about(facts, repository, tag=tag):
            return None
        return Tag(facts["digest"], self._unless_refused(folder, facts["at"]))

    def tags(self, repository: Repository) -> list[str]:
        """The tags that the repository said to everybody and that are kept still, however long ago; some thousand."""
        try:
            with os.scandir(self._of(repository)) as entries:
                found = [entry.name[2:] for entry in islice(entries, _MOST_READ) if entry.name.startswith("t-")]
        except OSError:
            return []
        told = ((name, self.tag(repository, name)) for name in found)
        return sorted(name for name, tag in told if tag is not None and tag.asked_at > 0)

    def remembers(self, repository: Repository, reference: str) -> bool:
        """Whether a manifest is here that everybody can read: by its digest, or by a tag that was asked for before."""
        tag = None if ":" in reference else self.tag(repository, reference)
        manifest = self.manifest(repository, tag.digest if tag else reference)
        return manifest is not None and is_younger(manifest.confirmed_at, settings.FACADE_PUBLIC_SECONDS)

    def has_refused(self, repository: Repository, since: float) -> bool:
        """Whether the repository has refused since then."""
        return self._unless_refused(self._of(repository), since) == 0

    def keep(self, repository: Repository, tenant: str, manifest: Manifest, body: bytes) -> bool:
        """Keep a manifest, whose bytes have its digest. False where there is no room for now, or its headers are long.

        `tenant`: the key of whose request brought it here; it counts towards that tenant's share.
        """
        if not self._has_room(len(body)):
            self._count(0)
            return False
        about = f"{self._of(repository)}/about"
        if self._notes.read(about) is None:
            self._notes.write(about, {**repository._asdict(), "tenant": tenant})
        self.bodies.write(manifest.digest, body)
        self._count(len(body))
        return self.confirm(repository, manifest)

    def confirm(self, repository: Repository, manifest: Manifest) -> bool:
        """Everybody can read a manifest that is kept, as of its `confirmed_at`. False where its headers are long."""
        facts = {"digest": manifest.digest, "headers": manifest.headers, "at": manifest.confirmed_at}
        return self._write(_manifest_path(self._of(repository), manifest.digest), repository, facts)

    def keep_tag(self, repository: Repository, name: str, tag: Tag) -> bool:
        """Keep what a tag is."""
        facts = {"tag": name, "digest": tag.digest, "at": tag.asked_at}
        return self._write(f"{self._of(repository)}/t-{name}", repository, facts)

    def refuse(self, repository: Repository, at: float, *, forget: bool) -> None:
        """The repository has refused: what it said before counts no longer. `forget`: nor is it kept."""
        folder = self._of(repository)
        if not os.path.isdir(folder):
            return
        try:
            self._notes.write(f"{folder}/refused", {"at": at})
            if forget:
                for entry in os.scandir(folder):
                    if entry.name.startswith(("m-", "t-")):
                        os.unlink(entry.path)
        except OSError:
            # On a disk that is full, what is there can be taken away all the same.
            shutil.rmtree(folder, ignore_errors=True)
            if os.path.isdir(folder):
                raise

    def forget(self, repository: Repository, reference: str) -> None:
        """A manifest or tag of the repository is there no longer."""
        folder = self._of(repository)
        with contextlib.suppress(OSError):
            os.unlink(_manifest_path(folder, reference) if ":" in reference else f"{folder}/t-{reference}")

    def settle(self) -> None:
        """Wait until nothing is being pruned. For tests."""
        if self._pruning is not None:
            self._pruning.join()

    def _of(self, repository: Repository) -> str:
        return f"{self._folder}/repositories/{_hash(repository)}"

    def _unless_refused(self, folder: str, at: float) -> float:
        path = f"{folder}/refused"
        refused = self._notes.look(path)
        if refused is UNREADABLE:
            # It was damaged, and nobody knows of when it was: it counts as one of now.
            with contextlib.suppress(OSError):
                self._notes.write(path, {"at": now()})
            return 0.0
        return 0.0 if refused is not None and refused["at"] >= at else at

    def _write(self, path: str, repository: Repository, facts: Facts) -> bool:
        try:
            written = self._notes.write(path, {**repository._asdict(), **facts})
        except ValueError:
            return False
        self._count(written)
        if self._was_told and self.is_on:
            logger.warning("manifests are remembered again")
            self._was_told = False
        return True

    def _has_room(self, more_bytes: int) -> bool:
        return self._used_bytes + self._written_bytes + more_bytes <= self._allowed_bytes

    def _count(self, written_bytes: int) -> None:
        with self._lock:
            self._written_bytes += -(-written_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
            is_due = self._written_bytes >= self._bound_bytes // _PRUNED_PART
            is_due = is_due or time.monotonic() - self._pruned_at > _PRUNED_SECONDS
            if is_due and (self._pruning is None or not self._pruning.is_alive()):
                self._pruned_at = time.monotonic()
                self._pruning = threading.Thread(target=self._prune, name="manifests", daemon=True)
                self._pruning.start()

    def _prune(self) -> None:
        written = self._written_bytes
        try:
            self._used_bytes, self._allowed_bytes = prune(self._folder, self._bound_bytes, now())
            if not self._allowed_bytes:
                # The first that is to be kept after that looks again.
                self._pruned_at = float("-inf")
                self._switch_off(_PRUNED_SECONDS, "the disk of the state folder has no room to spare")
        except OSError as error:
            self.switch_off(error)
        except Exception:
            logger.exception("pruning the manifests failed")
        with self._lock:
            self._written_bytes -= written


def _is_about(facts: Facts, repository: Repository, **about: str) -> bool:
    """Whether a note is the one that it lies there as: files can be copied."""
    if (facts.get("origin"), facts.get("name"), facts.get("via", "")) != repository:
        return False
    return all(facts.get(name) == value for name, value in about.items())


def manifest_store() -> ManifestStore | None:
    """This process' store; None where the deployment has none."""
    bound_bytes = settings.FACADE_MANIFEST_STORE_BYTES
    return _store(settings.STATE_DIR, bound_bytes) if bound_bytes else None


@lru_cache(maxsize=1)
def _store(state_folder: Path, bound_bytes: int) -> ManifestStore:
    return ManifestStore(str(state_folder / "manifests"), bound_bytes)


def stored_bytes() -> float | None:
    """What the store held on the disk when that was last looked at; None where there is no store."""
    if not settings.FACADE_MANIFEST_STORE_BYTES:
        return None
    pruned = last_pruned(str(store_folder()))
    return None if pruned is None else float(pruned.used_bytes)


def store_folder() -> Path:
    """Where the store is, or would be."""
    return Path(settings.STATE_DIR) / "manifests"


@lru_cache(maxsize=4096)
def _hash(repository: Repository) -> str:
    return hashlib.sha256("\0".join(filter(None, repository)).encode()).hexdigest()[:40]


def _manifest_path(folder: str, digest: str) -> str:
    return f"{folder}/m-{digest.replace(':', '-')}"
