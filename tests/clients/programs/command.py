"""What the clients here have in common: a directory and credentials for each action."""

import base64
import itertools
import json
from pathlib import Path

from tests.e2e.lab import clients
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.system import System


class ApiClient(clients.CommandClient):
    """A client that takes its credentials from docker's `config.json`."""

    def __init__(self, name: str, system: System) -> None:
        super().__init__(name, system)
        self._numbers = itertools.count()

    def fresh(self) -> Path:
        """A new directory for one action."""
        directory = self.home / f"{next(self._numbers)}"
        directory.mkdir()
        return directory

    def credentials(self, directory: Path, host: str, account: Account | None) -> dict[str, str]:
        """Environment variables under which the client has the account's credentials for ``host``, and no others."""
        auth = {} if account is None else {host: {"auth": base64.b64encode(account.pair.encode()).decode()}}
        (directory / "config.json").write_text(json.dumps({"auths": auth}))
        return {"DOCKER_CONFIG": str(directory)}
