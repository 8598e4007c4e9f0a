"""The Debians whose clients are tried: root directories that `scripts/client-chroots` made."""

import os
import re
from pathlib import Path

from tests.e2e.lab.system import System

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def debian(suite: str) -> System:
    """The root directory of this suite. Raises AssertionError where it was not made."""
    root = _CACHE / "registry-facade/chroots" / suite
    assert (root / ".ready").exists(), (
        f"there is no {root}: scripts/client-chroots makes it, and `make test-clients` all"
    )
    return System(suite, root)


def version_of(suite: str, package: str) -> str:
    """The package's version there, as its authors count it: without Debian's own additions."""
    root = debian(suite).root
    assert root is not None
    status = (root / "var/lib/dpkg/status").read_text()
    found = re.search(rf"^Package: {re.escape(package)}$.*?^Version: (\S+)$", status, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{suite} has no {package}"
    return re.split(r"[-+~]", found[1].partition(":")[2] or found[1])[0]
