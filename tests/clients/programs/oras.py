"""oras, the command built on oras-go."""

import json
from pathlib import Path

from tests.clients.programs import oci_layout
from tests.clients.programs.command import ApiClient
from tests.e2e.lab import process
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import Pull, host_of
from tests.e2e.lab.process import Completed


class OrasCommand(ApiClient):
    """``oras copy`` brings an index with all that it names; with ``-r`` also what refers to it."""

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        return self._copy(reference, account)

    def copy_with_referrers(self, reference: str, account: Account | None = None) -> tuple[Pull, list[str]]:
        """``oras copy -r`` into an OCI layout; what came of it, and the digests of all manifests and blobs there."""
        directory = self.fresh()
        pull = self._copy(reference, account, "--recursive", directory=directory)
        blobs = directory / "layout/blobs/sha256"
        return pull, [f"sha256:{path.name}" for path in blobs.iterdir()] if blobs.exists() else []

    def discover(self, reference: str, account: Account | None = None) -> tuple[Completed, list[str]]:
        """``oras discover``; what it said, and the digests of the referrers that it found."""
        directory = self.fresh()
        options = ["--plain-http", "--format=json", *self._config(directory, reference, account)]
        found = self.run(["oras", "discover", *options, reference])
        if not found.ok:
            return found, []
        document = json.loads(found.stdout)
        # "manifests" until 1.2, "referrers" from 1.3 on.
        listed = document.get("referrers") or document.get("manifests") or []
        return found, [str(descriptor["digest"]) for descriptor in listed]

    def list_tags(self, name: str, account: Account | None = None) -> Completed:
        """``oras repo tags``: a tag a line."""
        return self.run(["oras", "repo", "tags", "--plain-http", *self._config(self.fresh(), name, account), name])

    def login(self, host: str, account: Account) -> Completed:
        config = self.fresh() / "config.json"
        options = ["--plain-http", f"--registry-config={config}", f"--username={account.name}", "--password-stdin"]
        return self.run(["oras", "login", *options, host], stdin=account.password)

    def push(self, source: str, reference: str, account: Account | None = None) -> Completed:
        """Push one small file as an artifact; ``source`` plays no part."""
        directory = self.fresh()
        (directory / "note.txt").write_text("a note\n")
        options = ["--plain-http", *self._config(directory, reference, account), "--disable-path-validation"]
        return self.run(["oras", "push", *options, reference, f"{directory / 'note.txt'}:text/plain"])

    def attach(self, reference: str, account: Account | None = None) -> Completed:
        """Push one small file as a referrer of ``reference``."""
        directory = self.fresh()
        (directory / "sbom.json").write_text("{}\n")
        options = ["--plain-http", *self._config(directory, reference, account), "--disable-path-validation"]
        kind = "--artifact-type=application/vnd.lab.sbom"
        return self.run(["oras", "attach", *options, kind, reference, f"{directory / 'sbom.json'}:application/json"])

    def _copy(self, reference: str, account: Account | None, *options: str, directory: Path | None = None) -> Pull:
        directory, keeps = directory or self.fresh(), directory is not None
        layout = directory / "layout"
        try:
            config = self._config(directory, reference, account, "--from-registry-config")
            argv = ["oras", "copy", "--from-plain-http", *config, *options, reference, "--to-oci-layout"]
            copied = self.run([*argv, f"{layout}:copied"])
            if not copied.ok:
                return Pull(self.name, reference, False, copied.output)
            digest = next(line for line in copied.stdout.splitlines() if line.startswith("Digest: "))[8:]
            return Pull(self.name, reference, True, copied.output, digest, oci_layout.marker_in(layout))
        finally:
            if not keeps:
                process.remove(directory)

    def _config(
        self, directory: Path, reference: str, account: Account | None, option: str = "--registry-config"
    ) -> list[str]:
        self.credentials(directory, host_of(reference), account)
        return [f"{option}={directory / 'config.json'}"]
