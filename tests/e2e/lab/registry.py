"""Debian's docker-registry as a process of its own: without authentication, with Bearer tokens, or with Basic."""

import http.client
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from tests.e2e.lab import accounts, addresses, images, process
from tests.e2e.lab.images import Image
from tests.e2e.lab.token_server import ISSUER, TokenServer

Auth = Literal["none", "bearer", "basic"]

_ATTEMPTS = 3


class Registry:
    """A running docker-registry on ``address``. Its storage lives in a directory of its own, deleted by `stop`."""

    def __init__(
        self, address: str, auth: Auth = "none", *, tokens: TokenServer | None = None, delete_enabled: bool = True
    ) -> None:
        if auth == "bearer" and tokens is None:
            raise ValueError("a Bearer registry needs its token server")
        self.address, self.auth, self.tokens = address, auth, tokens
        #: What the registry calls itself in its challenge; unlike every address, so that a mix-up shows.
        self.service = f"registry-{auth}-{address}"
        self.directory = process.short_directory("registry")
        self._delete_enabled = delete_enabled
        self.start()

    @property
    def netloc(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def start(self, port: int | None = None) -> None:
        """Start the process, on ``port`` when given. Another process may win the race for a port: then on the next."""
        for attempt in range(_ATTEMPTS):
            self.port = port or addresses.free_port(self.address)
            config = self.directory / "config.json"
            config.write_text(json.dumps(self._config()))
            self._daemon = process.Daemon(["docker-registry", "serve", str(config)], self.directory)
            try:
                self._daemon.wait_ready(self._answers)
            except process.LabError:
                if attempt + 1 == _ATTEMPTS or "address already in use" not in self.output():
                    raise
            else:
                return

    def kill(self) -> None:
        """End the process and keep the storage, as an outage does; `start` with the same port brings it back."""
        self._daemon.stop()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """The process is stopped: the kernel takes what is sent, and nobody answers."""
        os.kill(self._daemon.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._daemon.pid, signal.SIGCONT)

    def stop(self) -> None:
        self._daemon.stop()
        process.remove(self.directory)

    def output(self) -> str:
        return self._daemon.tail()

    def push(self, image: Image, name: str, *tags: str) -> None:
        """Push ``image`` as ``name``, with whatever authorisation the registry asks for."""
        images.push(image, self.url, name, *tags, authorization=self.push_authorization(name))

    def push_authorization(self, name: str) -> str | None:
        """The ``Authorization`` that lets one push to ``name`` here."""
        if self.auth == "bearer" and self.tokens is not None:
            return self.tokens.push_authorization(self.service, name)
        return accounts.ALICE.basic if self.auth == "basic" else None

    def blob_path(self, digest: str) -> Path:
        """Where the registry keeps the bytes of a blob or manifest (which need not exist)."""
        algorithm, _, value = digest.partition(":")
        return self.directory / "storage/docker/registry/v2/blobs" / algorithm / value[:2] / value / "data"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=5)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == (200 if self.auth == "none" else 401)
        except OSError:
            return False
        finally:
            connection.close()

    def _config(self) -> dict[str, object]:
        config: dict[str, object] = {
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {
                "filesystem": {"rootdirectory": str(self.directory / "storage")},
                "delete": {"enabled": self._delete_enabled},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {"addr": self.netloc, "secret": "lab"},
        }
        if self.auth == "bearer" and self.tokens is not None:
            bundle = self.directory / "token.pem"
            self.tokens.write_certificate(bundle)
            config["auth"] = {
                "token": {
                    "realm": self.tokens.realm,
                    "service": self.service,
                    "issuer": ISSUER,
                    "rootcertbundle": str(bundle),
                }
            }
        if self.auth == "basic":
            htpasswd = self.directory / "htpasswd"
            htpasswd.write_text(accounts.htpasswd())
            config["auth"] = {"htpasswd": {"realm": self.service, "path": str(htpasswd)}}
        return config
