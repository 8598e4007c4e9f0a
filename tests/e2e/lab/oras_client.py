"""The PyPI package `oras`, which pulls artifacts: single manifests, their layers stored as files by title."""

import itertools
import shutil
import sys
from pathlib import Path
from typing import Literal

from tests.e2e.lab import clients, images
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import Pull

_SCRIPT = Path(__file__).with_name("oras_script.py")


class Oras(clients.CommandClient):
    """oras-py. Its user says beforehand how the registry authenticates: ``basic`` answers Basic challenges only."""

    def __init__(self, backend: Literal["token", "basic"] = "token") -> None:
        super().__init__("oras")
        self._backend = backend
        self._numbers = itertools.count()

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        target = self.home / f"{next(self._numbers)}"
        target.mkdir()
        credentials = [] if account is None else [account.name, account.password]
        pulled = self.run([sys.executable, str(_SCRIPT), reference, str(target), self._backend, *credentials])
        try:
            if not pulled.ok:
                return Pull(self.name, reference, False, pulled.output)
            digest = pulled.stdout.splitlines()[-1]
            marker = clients.read_marker(target, images.MARKER_FILE)
            return Pull(self.name, reference, True, pulled.output, digest, marker)
        finally:
            shutil.rmtree(target)
