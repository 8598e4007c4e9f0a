"""The server under attack: two workers of the real one, with the two tenants in its database."""

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.servers import ROOT, Facade

# Of each worker. Fewer than the default, so that a flood of them stays within what one machine can hold of both ends.
MAX_CONNECTIONS = 1024
WORKERS = 2


class Stage(Facade):
    """The server. `people` is what the seed made: tokens and ids of the innocent and of the hostile tenant."""

    def __init__(self, database_url: str, innocent: dict[str, Any], hostile: dict[str, Any]) -> None:
        self.people: dict[str, Any] = {}
        self._origins = {"own": innocent["own"], "shared": innocent["shared"], "port": hostile["port"]}
        self._hostile = hostile
        super().__init__(workers=WORKERS, database_url=database_url)

    def prepare(self) -> None:
        (self.directory / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        environment = self.environment()
        for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
            subprocess.run([sys.executable, "manage.py", *command], check=True, env=environment, cwd=ROOT)
        seed = [sys.executable, "-m", "benchmarks.soak.seed", json.dumps(self._origins)]
        done = subprocess.run(seed, check=True, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.people = json.loads(done.stdout)

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "benchmarks/soak/resolution"), str(ROOT)]),
            "SOAK_RESOLV_CONF": str(self.directory / "resolv.conf"),
            "SOAK_DNS_PORT": str(self._hostile["dns_port"]),
            "FACADE_DNS_SERVERS": f"127.0.0.1:{self._hostile['dns_port']}",
            "EMAIL_URL": f"smtp://127.0.0.1:{self._hostile['mail_port']}",
            "FACADE_MAX_CONNECTIONS": str(MAX_CONNECTIONS),
            # Often enough that rounds of the maintenance meet the attacks.
            "FACADE_PROBE_ON_SAVE": "true",
            "FACADE_PROBE_SECONDS": "30",
            "FACADE_PROOF_SECONDS": "30",
            "LOG_LEVEL": "WARNING",
        }

    def command(self) -> list[str]:
        return ["setpriv", "--pdeathsig", "TERM", *super().command()]

    def tracebacks(self) -> int:
        """How many exceptions nobody had thought of stand in its log."""
        log = self.directory / "log"
        with log.open("rb") as lines:
            return sum(line.startswith(b"Traceback (most recent call last)") for line in lines)
