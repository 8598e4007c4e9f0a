"""Every client by the name that it has in `expected.md`, started at its first use."""

from collections.abc import Callable

from tests.clients.debians import debian
from tests.clients.programs.apptainer import Apptainer
from tests.clients.programs.buildkit import Buildkit
from tests.clients.programs.cosign import Cosign
from tests.clients.programs.crane import Crane
from tests.clients.programs.docker_tools import DockerManifest, Imagetools
from tests.clients.programs.oras import OrasCommand
from tests.e2e.lab.clients import Client, CommandClient
from tests.e2e.lab.containerd import Containerd
from tests.e2e.lab.containers_image import Buildah, Podman, Skopeo
from tests.e2e.lab.docker_engine import Docker
from tests.e2e.lab.started import Started


class Roster(Started[CommandClient]):
    """Starts each client once. `stop` ends them all."""

    def __init__(self) -> None:
        super().__init__(_CLIENTS)

    def puller(self, name: str) -> Client:
        """A client that pulls images."""
        client = self.start(name)
        assert not isinstance(client, Cosign), f"{name} pulls no images"
        puller: Client = client  # type: ignore[assignment]
        return puller

    def docker(self, name: str) -> Docker:
        return self.start_as(Docker, name)

    def skopeo(self) -> Skopeo:
        """One to look at a registry with."""
        return self.start_as(Skopeo, "skopeo 1.22")


_CLIENTS: dict[str, Callable[[Roster], CommandClient]] = {
    "docker 26 (classic store)": lambda _: Docker("docker", debian("trixie")),
    "docker 28 (classic store)": lambda _: Docker("docker", debian("sid")),
    "docker 26 (containerd store)": lambda _: Docker("docker", debian("trixie"), "containerd"),
    "docker 28 (containerd store)": lambda _: Docker("docker", debian("sid"), "containerd"),
    "buildkit in docker 28": lambda roster: Buildkit(roster.docker("docker 28 (classic store)")),
    "containerd 1.7": lambda _: Containerd("containerd", debian("trixie")),
    "containerd 2.1": lambda _: Containerd("containerd", debian("sid")),
    "podman 5.4": lambda _: Podman("podman", debian("trixie")),
    "podman 5.8": lambda _: Podman("podman", debian("sid")),
    "buildah 1.39": lambda _: Buildah("buildah", debian("trixie")),
    "buildah 1.43": lambda _: Buildah("buildah", debian("sid")),
    "skopeo 1.18": lambda _: Skopeo("skopeo", debian("trixie")),
    "skopeo 1.22": lambda _: Skopeo("skopeo", debian("sid")),
    "oras 1.2": lambda _: OrasCommand("oras", debian("trixie")),
    "oras 1.3": lambda _: OrasCommand("oras", debian("sid")),
    "crane 0.20": lambda _: Crane("crane", debian("sid")),
    "apptainer 1.4": lambda _: Apptainer("apptainer", debian("sid")),
    "buildx imagetools 0.29": lambda _: Imagetools("imagetools", debian("sid")),
    "docker manifest 28": lambda _: DockerManifest("manifest", debian("sid")),
    "cosign 2.5": lambda _: Cosign("cosign", debian("trixie"), takes_signing_config=False),
    "cosign 3.1": lambda _: Cosign("cosign", debian("sid"), takes_signing_config=True),
}
#: All of them.
NAMES = tuple(_CLIENTS)
