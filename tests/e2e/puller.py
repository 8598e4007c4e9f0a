"""A small puller, on several threads, that notes who answered each request, and whose image it got.

Like docker it asks the facade for manifest and blobs on one connection and follows each redirect; unlike docker it
keeps a record. Every digest is checked, so an image that is half one's and half another's can't pass for whole.
"""

import hashlib
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.e2e.facade import ADDRESS, Facade
from tests.e2e.lab import images
from tests.e2e.lab.images import HOST_ARCHITECTURE
from tests.e2e.lab.process import LabError, wait_until

TIMEOUT_SECONDS = 30.0
#: Between two pulls of one thread: the machine's two cores also have the servers and the browser to run.
PAUSE_SECONDS = 0.02
# One that authorises every hop of a redirect, so that it is redirected to registries of every kind.
USER_AGENT = "docker/28.0.0"


@dataclass(frozen=True)
class Redirect:
    """One answer of the facade: when it was asked for and when it came (seconds since the epoch), and its origin."""

    asked_at: float
    answered_at: float
    origin: str


@dataclass
class Pull:
    """What came of one pull. `worker` is the process that answered all of it; `marker` tells whose image it was."""

    name: str = ""
    worker: int = 0
    started_at: float = 0.0
    ended_at: float = 0.0
    redirects: list[Redirect] = field(default_factory=list)
    marker: str = ""
    error: str = ""


class PullLoop:
    """Pulls `tag` of these names of `host`, one after the other, again and again until the block ends."""

    def __init__(self, facade: Facade, host: str, names: Sequence[str], tag: str, *, threads: int = 4) -> None:
        self._facade, self._host, self._tag = facade, host, tag
        self._names = itertools.cycle(names)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"puller-{n}") for n in range(threads)]
        self.pulls: list[Pull] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS * 2)

    def wait(self, each_worker: int, counts: Callable[[Pull], bool], what: str) -> None:
        """Wait until each worker has answered so many pulls that count. Raises LabError, at once when a pull failed."""
        workers = self._facade.worker_pids()

        def enough() -> bool:
            pulls = self.pulls.copy()
            if failed := [pull.error for pull in pulls if pull.error]:
                raise LabError(f"a pull failed: {failed[0]}\n{self._facade.output()}")
            return all(sum(pull.worker == pid and counts(pull) for pull in pulls) >= each_worker for pid in workers)

        wait_until(enough, f"each of {len(workers)} workers answered {each_worker} pulls {what}")

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            pull = Pull(name=next(self._names), started_at=time.time())
            try:
                self._pull(pull)
            except Exception as error:
                pull.error = f"{type(error).__name__}: {error}"
            pull.ended_at = time.time()
            self.pulls.append(pull)

    def _pull(self, pull: Pull) -> None:
        connection = http.client.HTTPConnection(ADDRESS, self._facade.port, timeout=TIMEOUT_SECONDS)
        try:
            index = json.loads(self._fetch(connection, pull, f"manifests/{self._tag}"))
            chosen = next(
                manifest["digest"]
                for manifest in index["manifests"]
                if manifest["platform"]["architecture"] == HOST_ARCHITECTURE
            )
            manifest = json.loads(self._fetch(connection, pull, f"manifests/{chosen}", chosen))
            config = self._blob(connection, pull, manifest["config"])
            layers = [self._blob(connection, pull, layer) for layer in manifest["layers"]]
            # Two witnesses, from the first blob and from the last.
            label = json.loads(config)["config"]["Labels"][images.MARKER_LABEL]
            if images.marker_in(layers[-1]) != f"{label}/{HOST_ARCHITECTURE}\n":
                raise LabError(f"the image says that it is {label}, and its layers are another's")
            pull.marker = label
        finally:
            connection.close()

    def _blob(self, connection: http.client.HTTPConnection, pull: Pull, descriptor: dict[str, Any]) -> bytes:
        return self._fetch(connection, pull, f"blobs/{descriptor['digest']}", descriptor["digest"])

    def _fetch(
        self, connection: http.client.HTTPConnection, pull: Pull, endpoint: str, digest: str | None = None
    ) -> bytes:
        """What the facade's redirect leads to. Raises LabError for any other answer than 307, then 200."""
        asked_at = time.time()
        headers = {"Host": self._host, "User-Agent": USER_AGENT, "Accept": ", ".join(_ACCEPTED)}
        connection.request("GET", f"/v2/{pull.name}/{endpoint}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 307:
            raise LabError(f"{endpoint}: the facade answered {answer.status}: {body[:300]!r}")
        location = urlsplit(answer.headers["Location"])
        pull.redirects.append(Redirect(asked_at, time.time(), f"{location.scheme}://{location.netloc}"))
        pull.worker = pull.worker or worker_of(self._facade, connection)
        registry = http.client.HTTPConnection(location.netloc, timeout=TIMEOUT_SECONDS)
        try:
            registry.request("GET", location.path, headers={"User-Agent": USER_AGENT, "Accept": headers["Accept"]})
            found = registry.getresponse()
            content = found.read()
        finally:
            registry.close()
        if found.status != 200:
            raise LabError(f"{endpoint}: {location.geturl()} answered {found.status}: {content[:300]!r}")
        if digest is not None and f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise LabError(f"{endpoint}: {location.geturl()} sent something else")
        return content


def worker_of(facade: Facade, connection: http.client.HTTPConnection) -> int:
    """The worker at the other end of a connection, by the kernel's tables."""
    assert connection.sock is not None
    client = f"{_HEX_ADDRESS}:{connection.sock.getsockname()[1]:04X}"
    server = f"{_HEX_ADDRESS}:{facade.port:04X}"
    sockets = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    inode = next(columns[9] for columns in sockets if columns[1] == server and columns[2] == client)
    for pid in facade.worker_pids():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if link.readlink().name == f"socket:[{inode}]":
                    return pid
            except FileNotFoundError:  # Closed meanwhile.
                continue
    raise LabError("no worker holds the other end of this connection")


_ACCEPTED = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# 127.0.0.1 as /proc/net/tcp writes it.
_HEX_ADDRESS = "0100007F"
