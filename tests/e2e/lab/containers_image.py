"""The clients built on containers/image: podman, buildah and skopeo."""

import itertools
import json
import shutil
from pathlib import Path

from tests.e2e.lab import clients, images, process
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import Pull
from tests.e2e.lab.process import Completed
from tests.e2e.lab.system import HOST, System

_POLICY = {"default": [{"type": "insecureAcceptAnything"}]}


class _ContainersImage(clients.CommandClient):
    """Each action uses storage and credentials of its own, and none of this machine's configuration of registries."""

    program: str

    def __init__(self, name: str | None = None, system: System = HOST) -> None:
        super().__init__(name or self.program, system)
        self._numbers = itertools.count()
        registries = self.home / "registries.conf"
        registries.write_text('unqualified-search-registries = []\nshort-name-mode = "enforcing"\n')
        settings = self.home / ".config/containers"
        settings.mkdir(parents=True)
        (settings / "policy.json").write_text(json.dumps(_POLICY))
        self.env |= {"CONTAINERS_REGISTRIES_CONF": str(registries)}
        # buildah and podman insist that the file in this directory exists.
        del self.env["DOCKER_CONFIG"]

    def fresh(self) -> Path:
        """A new directory for one action."""
        directory = self.home / f"{next(self._numbers)}"
        directory.mkdir()
        return directory


class _StorageClient(_ContainersImage):
    """podman and buildah, which pull into containers/storage."""

    def storage(self, directory: Path) -> list[str]:
        root, runroot = f"--root={directory / 'root'}", f"--runroot={directory / 'run'}"
        return [self.program, root, runroot, "--storage-driver=vfs"]

    def login(self, host: str, account: Account, directory: Path) -> Completed:
        """Log in to ``host``; the credentials stay in ``directory``."""
        options = ["--tls-verify=false", f"--authfile={directory / 'auth.json'}"]
        user = ["--username", account.name, "--password-stdin"]
        return self.run([*self.storage(directory), "login", *options, *user, host], stdin=account.password)

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        directory = self.fresh()
        try:
            return self._pull(reference, account, directory)
        finally:
            process.remove(directory)

    def push(self, source: str, reference: str, account: Account | None = None) -> Completed:
        """Pull ``source`` without credentials and push it as ``reference``."""
        directory = self.fresh()
        try:
            program, creds = self.storage(directory), [] if account is None else [f"--creds={account.pair}"]
            self.run([*program, "pull", "--tls-verify=false", source]).checked()
            return self.run([*program, "push", "--tls-verify=false", *creds, source, f"docker://{reference}"])
        finally:
            process.remove(directory)

    def _pull(self, reference: str, account: Account | None, directory: Path) -> Pull:
        output, options = "", ["--tls-verify=false"]
        if account is not None:
            login = self.login(clients.host_of(reference), account, directory)
            output = f"{login.output}\n"
            if not login.ok:
                return Pull(self.name, reference, False, output)
            options.append(f"--authfile={directory / 'auth.json'}")
        pulled = self.run([*self.storage(directory), "pull", *options, reference])
        output += pulled.output
        if not pulled.ok:
            return Pull(self.name, reference, False, output)
        stored = json.loads((directory / "root/vfs-images/images.json").read_text())
        markers = [clients.read_marker(layer, images.MARKER_FILE) for layer in (directory / "root/vfs/dir").iterdir()]
        marker = next((text for text in markers if text is not None), None)
        return Pull(self.name, reference, True, output, stored[0]["digest"], marker)


class Podman(_StorageClient):
    program = "podman"

    def list_tags(self, name: str, account: Account | None = None) -> Completed:
        """``podman search --list-tags``: name and tag a line."""
        creds = [] if account is None else [f"--creds={account.pair}"]
        options = ["--tls-verify=false", "--limit=1000", "--format={{.Tag}}", *creds]
        return self.run([*self.storage(self.fresh()), "search", "--list-tags", *options, name])


class Buildah(_StorageClient):
    program = "buildah"


class Skopeo(_ContainersImage):
    """skopeo, which copies without unpacking, lists tags and inspects."""

    program = "skopeo"

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        return self.copy(reference, account)

    def copy(self, reference: str, account: Account | None = None, *, every_architecture: bool = False) -> Pull:
        """Copy to a directory: this machine's image, or the index with all that it names."""
        target = self.fresh()
        creds = [] if account is None else [f"--src-creds={account.pair}"]
        options = ["--src-tls-verify=false", *creds, *(["--all"] if every_architecture else [])]
        copied = self.run(["skopeo", "copy", *options, f"docker://{reference}", f"dir:{target}"])
        try:
            if not copied.ok:
                return Pull(self.name, reference, False, copied.output)
            manifest = (target / "manifest.json").read_bytes()
            marker = self._marker(target)
            return Pull(self.name, reference, True, copied.output, images.digest_of(manifest), marker)
        finally:
            shutil.rmtree(target)

    def push(self, source: str, reference: str, account: Account | None = None) -> Completed:
        """Copy ``source``, without credentials, to ``reference``."""
        creds = [] if account is None else [f"--dest-creds={account.pair}"]
        options = ["--src-tls-verify=false", "--dest-tls-verify=false", *creds]
        return self.run(["skopeo", "copy", *options, f"docker://{source}", f"docker://{reference}"])

    def list_tags(self, name: str, account: Account | None = None) -> Completed:
        """``skopeo list-tags``, which follows the pages of a long list; JSON with ``Tags`` on stdout."""
        return self._ask("list-tags", name, account)

    def inspect(self, reference: str, account: Account | None = None) -> Completed:
        """``skopeo inspect``; JSON with ``Digest`` and ``Labels`` on stdout."""
        return self._ask("inspect", reference, account)

    def _ask(self, verb: str, reference: str, account: Account | None) -> Completed:
        creds = [] if account is None else [f"--creds={account.pair}"]
        return self.run(["skopeo", verb, "--tls-verify=false", *creds, f"docker://{reference}"])

    def _marker(self, target: Path) -> str | None:
        manifest = json.loads((target / "manifest.json").read_text())
        if "manifests" in manifest:
            host = next(m for m in manifest["manifests"] if m["platform"]["architecture"] == images.HOST_ARCHITECTURE)
            manifest = json.loads((target / f"{host['digest'].partition(':')[2]}.manifest.json").read_text())
        layers = [(target / layer["digest"].partition(":")[2]).read_bytes() for layer in manifest["layers"]]
        return images.marker_in(layers[-1])
