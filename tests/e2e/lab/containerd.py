"""Debian's containerd: a private daemon, asked by `ctr`."""

import itertools
import json

from tests.e2e.lab import clients, images
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import Pull
from tests.e2e.lab.images import HOST_ARCHITECTURE
from tests.e2e.lab.process import Completed
from tests.e2e.lab.system import HOST, System


class Containerd(clients.CommandClient):
    """A private containerd without the CRI plugin; every pull goes into a namespace of its own."""

    def __init__(self, name: str = "containerd", system: System = HOST) -> None:
        super().__init__(name, system)
        self._socket = self.home / "containerd.sock"
        self._numbers = itertools.count()
        config = self.home / "config.toml"
        config.write_text(self._config())
        self._daemon = self.start(["containerd", "--config", str(config)])
        self._daemon.wait_ready(lambda: self.command("lab", "version").ok)

    def command(self, namespace: str, *arguments: str) -> Completed:
        return self.run(["ctr", "--address", str(self._socket), "--namespace", namespace, *arguments])

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        namespace = f"pull-{next(self._numbers)}"
        user = [] if account is None else ["--user", account.pair]
        # The native snapshotter copies; the others need file systems that a container need not have.
        options = ["--plain-http", "--snapshotter", "native", *user]
        pulled = self.command(namespace, "images", "pull", *options, reference)
        if not pulled.ok:
            return Pull(self.name, reference, False, pulled.output)
        try:
            digest = self._digest(namespace, reference)
            marker = self._marker(namespace, digest)
        finally:
            self.command(namespace, "images", "remove", "--sync", reference).checked()
        return Pull(self.name, reference, True, pulled.output, digest, marker)

    def push(self, source: str, reference: str, account: Account | None = None) -> Completed:
        """Pull ``source`` without credentials and push it as ``reference``."""
        namespace = f"push-{next(self._numbers)}"
        # Of every platform: an index is only taken where all that it names is there.
        self.command(namespace, "content", "fetch", "--plain-http", "--all-platforms", source).checked()
        user = [] if account is None else ["--user", account.pair]
        return self.command(namespace, "images", "push", "--plain-http", *user, reference, source)

    def _digest(self, namespace: str, reference: str) -> str:
        listed = self.command(namespace, "images", "list", f"name=={reference}").checked()
        # REF TYPE DIGEST …, below one line of headings.
        return listed.stdout.splitlines()[1].split()[2]

    def _marker(self, namespace: str, digest: str) -> str | None:
        """The marker out of the last layer, found as a runtime finds it: index, manifest, layer."""
        document = json.loads(self._content(namespace, digest))
        if "manifests" in document:
            chosen = next(m for m in document["manifests"] if m["platform"]["architecture"] == HOST_ARCHITECTURE)
            document = json.loads(self._content(namespace, chosen["digest"]))
        return images.marker_in(self._content(namespace, document["layers"][-1]["digest"]))

    def _content(self, namespace: str, digest: str) -> bytes:
        self.command(namespace, "content", "get", digest).checked()
        blob = self.home / "root/io.containerd.content.v1.content/blobs" / digest.replace(":", "/")
        return blob.read_bytes()

    def stop(self) -> None:
        self._daemon.stop()
        super().stop()

    def _config(self) -> str:
        # From 2.0 on it is the daemon that unpacks, and only for the snapshotters listed here.
        # "isolated": content that another namespace has already fetched would otherwise not be fetched again.
        return f"""
version = 2
root = "{self.home / "root"}"
state = "{self.home / "state"}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{self._socket}"
[plugins."io.containerd.metadata.v1.bolt"]
  content_sharing_policy = "isolated"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux/{HOST_ARCHITECTURE}"
  snapshotter = "native"
"""
