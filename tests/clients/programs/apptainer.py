"""apptainer, which makes a root directory or a file of its own from an image."""

from tests.clients.programs.command import ApiClient
from tests.e2e.lab import clients, images, process
from tests.e2e.lab.accounts import Account
from tests.e2e.lab.clients import Pull


class Apptainer(ApiClient):
    """``apptainer build`` from an image at a registry; it tells no digest."""

    def pull(self, reference: str, account: Account | None = None) -> Pull:
        directory = self.fresh()
        try:
            env = self.credentials(directory, clients.host_of(reference), account)
            env |= {"APPTAINER_CACHEDIR": str(directory / "cache"), "APPTAINER_TMPDIR": str(directory)}
            if account is not None:
                env |= {"APPTAINER_DOCKER_USERNAME": account.name, "APPTAINER_DOCKER_PASSWORD": account.password}
            root = directory / "root"
            built = self.run(
                ["apptainer", "build", "--no-https", "--sandbox", str(root), f"docker://{reference}"], env=env
            )
            if not built.ok:
                return Pull(self.name, reference, False, built.output)
            marker = clients.read_marker(root, images.MARKER_FILE)
            return Pull(self.name, reference, True, built.output, marker=marker, tells_digest=False)
        finally:
            process.remove(directory)
