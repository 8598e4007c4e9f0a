"""Where a client's programs come from: this machine, or the root directory of another Debian on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_IN_CHROOT = Path(__file__).resolve().parents[3] / "scripts" / "in-chroot"


@dataclass(frozen=True)
class System:
    """A Debian. Programs of one with a ``root`` of its own run there as root; files in /tmp have the same paths."""

    name: str
    root: Path | None = None

    def command(self, argv: Sequence[str]) -> list[str]:
        """What to run on this machine, so that ``argv`` runs there."""
        return list(argv) if self.root is None else [str(_IN_CHROOT), str(self.root), *argv]


HOST = System("this machine")
