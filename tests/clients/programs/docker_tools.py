"""docker's two commands that look at an image without its daemon; neither is the daemon's client of registries."""

from tests.clients.programs.command import ApiClient
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import host_of
from tests.e2e.lab.process import Completed


class DockerTool(ApiClient):
    """One of them; what it prints names each platform's manifest."""

    command: tuple[str, ...]

    def inspect(self, reference: str, account: Account | None = None) -> Completed:
        env = self.credentials(self.fresh(), host_of(reference), account)
        return self.run(["docker", *self.command, reference], env=env)


class Imagetools(DockerTool):
    command = ("buildx", "imagetools", "inspect")


class DockerManifest(DockerTool):
    command = ("manifest", "inspect", "--insecure")
