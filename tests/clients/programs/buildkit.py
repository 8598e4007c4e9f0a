"""buildkit, the builder inside dockerd, which pulls by itself."""

import re

from tests.clients.programs.command import ApiClient
from tests.e2e.lab import clients, images, process
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import Pull
from tests.e2e.lab.docker_engine import Docker


class Buildkit(ApiClient):
    """``docker build`` of a file that says only FROM: the image's files are what comes out."""

    def __init__(self, engine: Docker) -> None:
        super().__init__("buildkit", engine.system)
        self._engine = engine

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        directory = self.fresh()
        (directory / "Dockerfile").write_text(f"FROM {reference}\n")
        env = self.credentials(directory, clients.host_of(reference), account) | {"DOCKER_BUILDKIT": "1"}
        host = ["--host", f"unix://{self._engine.socket}"]
        options = ["--pull", "--no-cache", "--progress=plain", "--provenance=false"]
        output = f"--output=type=local,dest={directory / 'root'}"
        with self._engine.alone:
            built = self.run(["docker", *host, "build", *options, output, str(directory)], env=env)
            # What an earlier build brought would not be fetched again.
            self.run(["docker", *host, "builder", "prune", "--all", "--force"], env=env).checked()
        try:
            if not built.ok:
                return Pull(self.name, reference, False, built.output)
            digest = re.search(rf"{re.escape(reference)}@(sha256:[0-9a-f]{{64}})", built.output)
            marker = clients.read_marker(directory / "root", images.MARKER_FILE)
            return Pull(self.name, reference, True, built.output, digest[1] if digest else None, marker)
        finally:
            process.remove(directory)
