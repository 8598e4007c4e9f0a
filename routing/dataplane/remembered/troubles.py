"""What this process remembers for moments: what was refused, and which registries fail.

So that no caller waits for what the last one waited for in vain, and a private repository is asked no more often than
that. Nothing here lets anybody have anything.
"""

import time
from collections.abc import Hashable
from typing import TypeVar

from routing.manifest_store.store import Repository

#: How long nobody is asked again for what was refused, or can't be remembered.
REFUSED_SECONDS = 60.0
#: How long a registry that failed is not asked again, and for how long it counts as failing.
RETRY_SECONDS, FAILING_SECONDS = 5.0, 60.0
#: How long it counts as without what it was found not to have.
LACKING_SECONDS = 600.0
# Callers choose names and references.
_MOST = 4096
K = TypeVar("K", bound=Hashable)


class Troubles:
    """Of one process. Times are monotonic."""

    def __init__(self) -> None:
        self._refused: dict[tuple[Repository, str], float] = {}
        self._failed: dict[tuple[str, str], float] = {}
        self._lacking: dict[tuple[str, str], float] = {}

    def refused(self, repository: Repository, reference: str = "") -> None:
        """It was refused, or can't be remembered; with no reference, all of the repository."""
        _note(self._refused, (repository, reference))

    def is_refused(self, repository: Repository, reference: str) -> bool:
        """Whether that was lately."""
        return any(_since(self._refused, (repository, each)) < REFUSED_SECONDS for each in (reference, ""))

    def failed(self, origin: str, method: str) -> None:
        """The registry could not answer. (Rate limits are often for GET alone.)"""
        _note(self._failed, (origin, method))

    def answered(self, origin: str, method: str) -> None:
        """The registry has answered."""
        self._failed.pop((origin, method), None)

    def may_ask(self, origin: str, method: str) -> bool:
        """Whether enough time has gone by since it failed last."""
        return _since(self._failed, (origin, method)) >= RETRY_SECONDS

    def is_failing(self, origin: str, method: str) -> bool:
        """Whether it failed lately: then nobody waits until it is known whether it still does."""
        return _since(self._failed, (origin, method)) < FAILING_SECONDS

    def has_no(self, origin: str, what: str) -> None:
        """The registry has no `HEAD`: it says by GET alone what a tag is. Or no `Location`: it gives blobs itself."""
        _note(self._lacking, (origin, what))

    def lacks(self, origin: str, what: str) -> bool:
        """Whether that was found out lately."""
        return _since(self._lacking, (origin, what)) < LACKING_SECONDS

    def forget(self) -> None:
        """Forget all."""
        self._refused.clear()
        self._failed.clear()
        self._lacking.clear()


def _note(noted: dict[K, float], key: K) -> None:
    if len(noted) >= _MOST:
        noted.clear()
    noted[key] = time.monotonic()


def _since(noted: dict[K, float], key: K) -> float:
    at = noted.get(key)
    return float("inf") if at is None else time.monotonic() - at
