"""crane, go-containerregistry's command."""

from pathlib import Path

from tests.clients.programs import oci_layout
from tests.clients.programs.command import ApiClient
from tests.e2e.lab import process
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import Pull, host_of
from tests.e2e.lab.process import Completed


class Crane(ApiClient):
    """``crane pull`` brings the index with all that it names, into an OCI layout."""

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        directory = self.fresh()
        try:
            layout = directory / "layout"
            pulled = self._crane(directory, host_of(reference), account, "pull", "--format=oci", reference, str(layout))
            if not pulled.ok:
                return Pull(self.name, reference, False, pulled.output)
            digest, marker = oci_layout.digest_in(layout), oci_layout.marker_in(layout)
            return Pull(self.name, reference, True, pulled.output, digest, marker)
        finally:
            process.remove(directory)

    def list_tags(self, name: str, account: Account | None = None) -> Completed:
        """``crane ls``: a tag a line."""
        return self._crane(self.fresh(), host_of(name), account, "ls", name)

    def push(self, source: str, reference: str, account: Account | None = None) -> Completed:
        """Pull ``source`` without credentials and push it as ``reference``."""
        directory = self.fresh()
        layout = directory / "layout"
        self._crane(directory, "", None, "pull", "--format=oci", source, str(layout)).checked()
        return self._crane(directory, host_of(reference), account, "push", "--index", str(layout), reference)

    def _crane(self, directory: Path, host: str, account: Account | None, *arguments: str) -> Completed:
        return self.run(["crane", "--insecure", *arguments], env=self.credentials(directory, host, account))
