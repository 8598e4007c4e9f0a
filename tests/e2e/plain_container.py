"""What the image runs, with a plain container's variables: `python -m facade_site.start` in a folder of its own.

And the recipe that it takes the place of, in Caddy.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.e2e.engines import caddy
from tests.e2e.lab import process
from tests.e2e.lab.addresses import free_port
from tests.e2e.lab.process import Daemon

ROOT = Path(__file__).resolve().parent.parent.parent
ADDRESS = "127.0.0.1"

Reply = tuple[int, dict[str, str], bytes]


def _command_of(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


class _Listening:
    """A server on a port of this machine's."""

    port: int

    @property
    def netloc(self) -> str:
        """`127.0.0.1:<port>`."""
        return f"{ADDRESS}:{self.port}"

    def ask(self, request: str, host: str, **fields: str) -> Reply:
        """The answer to `METHOD TARGET`: status, header fields by names in lower case, body."""
        method, target = request.split(" ")
        connection = http.client.HTTPConnection(ADDRESS, self.port, timeout=60)
        try:
            connection.request(method, target, headers={"Host": host, **fields})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            self.ask("GET /livez", ADDRESS)
        except (OSError, http.client.HTTPException):
            return False
        return True


class PlainContainer(_Listening):
    """A container without a volume: what it keeps goes with it, unless `restart` says otherwise."""

    _prepared_at: float | None

    def __init__(self, **variables: str) -> None:
        self.directory = process.short_directory("plain")
        self._start(variables)

    def restart(self, *, volume: bool, **variables: str) -> None:
        """Stop it, and start another one with these variables, with what the first one kept or without."""
        self._daemon.stop()
        if not volume:
            process.remove(self.directory)
            self.directory.mkdir()
        self._start(variables)

    def log(self) -> str:
        """All that it has said."""
        return self._daemon.log.read_text(errors="replace")

    def stop(self) -> None:
        self._daemon.stop()
        process.remove(self.directory)

    def _start(self, variables: Mapping[str, str]) -> None:
        self.port = free_port(ADDRESS)
        programs = Path(sys.executable).parent
        environment = process.private_environment(self.directory)
        environment |= {
            "PATH": f"{programs}{os.pathsep}{environment['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PORT": str(self.port),
            "BIND": ADDRESS,
            "FACADE_STATE_DIR": str(self.directory / "state"),
            "FACADE_ALLOW_INSECURE_REGISTRIES": "true",
            "FACADE_ALLOW_PRIVATE_REGISTRIES": "true",
            "PYTHONUNBUFFERED": "1",
        }
        self._daemon = Daemon([sys.executable, "-m", "facade_site.start"], self.directory, {**environment, **variables})
        self._prepared_at = None
        self._daemon.wait_ready(self._serves_what_was_prepared)

    def _serves_what_was_prepared(self) -> bool:
        """On a busy machine the server starts before the preparation has ended. Its tables have to be younger."""
        children = Path(f"/proc/{self._daemon.pid}/task/{self._daemon.pid}/children").read_text().split()
        if not self._answers() or any(b"\0prepare_database\0" in _command_of(pid) for pid in children):
            return False
        self._prepared_at = self._prepared_at or time.monotonic()
        # Often enough that each worker has very likely answered.
        return all(self._confirmed_after(self._prepared_at) for _ in range(8))

    def _confirmed_after(self, moment: float) -> bool:
        status, _, body = self.ask("GET /readyz", ADDRESS)
        age = json.loads(body)["confirmed_seconds_ago"]
        return status == 200 and age is not None and time.monotonic() - age > moment

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class CaddyRecipe(_Listening):
    """What the plain Caddy container does, without TLS: redirect one organisation's requests, refuse the rest."""

    def __init__(self, registry: str, organisation: str) -> None:
        self.directory = process.short_directory("caddy")
        self.port = free_port(ADDRESS)
        config = self.directory / "Caddyfile"
        config.write_text(
            "{\n    admin off\n    auto_https off\n}\n"
            f":{self.port} {{\n"
            f"    bind {ADDRESS}\n"
            f"    @api path /v2/ /v2/{organisation}/*\n"
            "    handle @api {\n"
            f"        redir {registry}{{uri}} 307\n"
            "    }\n"
            "    handle {\n"
            f'        respond "Only API requests for {organisation} are supported" 403\n'
            "    }\n"
            "}\n"
        )
        environment = process.private_environment(self.directory)
        self._daemon = Daemon([str(caddy()), "run", "--config", str(config)], self.directory, environment)
        self._daemon.wait_ready(self._answers)

    def stop(self) -> None:
        self._daemon.stop()
        process.remove(self.directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
