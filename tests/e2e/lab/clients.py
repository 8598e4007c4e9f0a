"""What every client of the laboratory has in common: one way to pull, and one way to say what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from tests.e2e.lab import process
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.images import Image
from tests.e2e.lab.process import Completed, Daemon, LabError
from tests.e2e.lab.system import HOST, System


@dataclass(frozen=True)
class Pull:
    """What came of a pull. ``digest`` is what the client says it pulled; ``marker`` is the marker file's content, read
    out of the image as the client stored it. Both are None when the pull failed; some clients tell no digest."""

    client: str
    reference: str
    ok: bool
    output: str
    digest: str | None = None
    marker: str | None = None
    tells_digest: bool = True

    def verified(self, image: Image) -> Self:
        """Itself. Raises LabError, with the client's output, unless the pull worked and brought exactly ``image``."""
        digests = (image.digest, image.host.digest)
        if not self.ok:
            raise LabError(f"{self.client} failed to pull {self.reference}:\n{self.output}")
        if self.tells_digest and self.digest not in digests:
            raise LabError(f"{self.client} pulled {self.digest}, not one of {digests}:\n{self.output}")
        if self.marker != image.expected_marker:
            raise LabError(f"{self.client} unpacked {self.marker!r}, not {image.expected_marker!r}:\n{self.output}")
        return self


class Client(Protocol):
    """A real client, with storage and configuration of its own, on this machine's loopback only.

    `pull` fetches every byte again, however often it is called: what an earlier pull brought is removed first.
    """

    @property
    def name(self) -> str: ...

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        """Pull ``host:port/name:tag`` (or ``…@digest``), logging in first when an account is given. Never raises for a
        pull that fails: the result says so, with the client's output."""
        ...

    def stop(self) -> None:
        """End what runs and delete what was stored."""
        ...


class CommandClient:
    """A client that is one program of ``system``, run once for each action, in a home directory of its own."""

    def __init__(self, name: str, system: System = HOST) -> None:
        self._name = name
        self.system = system
        self.home = process.short_directory(name)
        self.env = process.private_environment(self.home)
        Path(self.env["XDG_RUNTIME_DIR"]).mkdir()

    @property
    def name(self) -> str:
        return self._name

    def run(self, argv: Sequence[str], *, stdin: str = "", env: Mapping[str, str] | None = None) -> Completed:
        return process.run(self.system.command(argv), env=self.env | dict(env or {}), stdin=stdin)

    def start(self, argv: Sequence[str]) -> Daemon:
        """Start the daemon that the client needs, with its log in the home directory."""
        return Daemon(self.system.command(argv), self.home, self.env)

    def stop(self) -> None:
        process.remove(self.home)


def host_of(reference: str) -> str:
    """The ``host:port`` of an image reference."""
    return reference.partition("/")[0]


def read_marker(root: Path, name: str) -> str | None:
    """The content of the file ``name`` at the top of an unpacked image, or None when the image holds none."""
    path = root / name
    return path.read_text() if path.is_file() else None
