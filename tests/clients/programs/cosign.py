"""cosign: signs an image at its registry and verifies the signature."""

from functools import cached_property
from pathlib import Path

from tests.clients.programs.command import ApiClient
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import host_of
from tests.e2e.lab.process import Completed
from tests.e2e.lab.system import System

_OVER_HTTP = ["--allow-http-registry", "--allow-insecure-registry"]


class Cosign(ApiClient):
    """Signs with a key of its own, and tells no transparency log of it: from 3.0 on, by a signing configuration."""

    def __init__(self, name: str, system: System, *, takes_signing_config: bool) -> None:
        super().__init__(name, system)
        self._takes_signing_config = takes_signing_config

    @cached_property
    def key(self) -> Path:
        """The private key; the public one lies beside it as `cosign.pub`."""
        directory = self.fresh()
        prefix = directory / "cosign"
        self.run(
            ["cosign", "generate-key-pair", f"--output-key-prefix={prefix}"], env={"COSIGN_PASSWORD": ""}
        ).checked()
        return directory / "cosign.key"

    @cached_property
    def _no_log(self) -> str:
        if not self._takes_signing_config:
            return "--tlog-upload=false"
        config = self.fresh() / "signing-config.json"
        # It names no service, and so no log.
        self.run(["cosign", "signing-config", "create", f"--out={config}"]).checked()
        return f"--signing-config={config}"

    def sign(self, reference: str, account: Account | None = None) -> Completed:
        env = self.credentials(self.fresh(), host_of(reference), account) | {"COSIGN_PASSWORD": ""}
        argv = ["cosign", "sign", "--yes", self._no_log, f"--key={self.key}", *_OVER_HTTP]
        return self.run([*argv, reference], env=env)

    def verify(self, reference: str, account: Account | None = None) -> Completed:
        env = self.credentials(self.fresh(), host_of(reference), account)
        key = self.key.with_name("cosign.pub")
        argv = ["cosign", "verify", "--insecure-ignore-tlog=true", f"--key={key}", *_OVER_HTTP]
        return self.run([*argv, reference], env=env)
