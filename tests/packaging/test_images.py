"""Images are named by version, and those of a release by digest. A real registry is asked by the real skopeo."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab import images
from tests.e2e.lab.registry import Registry

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = "ARG PYTHON_IMAGE=python:3.12.1-slim\n\nFROM ${PYTHON_IMAGE} AS packages\nRUN true\nFROM ${PYTHON_IMAGE}\n"
COMPOSE = "services:\n  app:\n    build: .\n    image: registry-facade\n  postgres:\n    image: postgres:17.1\n"


@pytest.fixture
def registry() -> Iterator[Registry]:
    running = Registry("127.0.0.1")
    yield running
    running.stop()


class Release:
    """A release's copy of the files, with a docker.io that is the registry of this test."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder = folder
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/release-images", folder / "scripts")
        (folder / "Dockerfile").write_text(DOCKERFILE)
        (folder / "docker-compose.yml").write_text(COMPOSE)
        configuration = folder / ".config/containers/registries.conf"
        configuration.parent.mkdir(parents=True)
        configuration.write_text(
            f'[[registry]]\nprefix = "docker.io"\nlocation = "{registry.netloc}"\ninsecure = true\n'
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"HOME": str(self.folder)}
        return subprocess.run(
            ["scripts/release-images", *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def release(tmp_path: Path, registry: Registry) -> Release:
    return Release(tmp_path, registry)


def push(registry: Registry, name: str, tag: str) -> str:
    """Push an image for two platforms; the digest of its index, which is what the tag stands for."""
    image = images.build(name, flavour="oci")
    registry.push(image, f"library/{name}", tag)
    return image.digest


@pytest.mark.e2e
def test_a_release_names_its_images_by_digest(release: Release, registry: Registry) -> None:
    python, postgres = push(registry, "python", "3.12.1-slim"), push(registry, "postgres", "17.1")

    done = release.run("--write")

    assert done.returncode == 0, done.stderr
    assert release.read("Dockerfile") == DOCKERFILE.replace("3.12.1-slim", f"3.12.1-slim@{python}")
    assert release.read("docker-compose.yml") == COMPOSE.replace("17.1", f"17.1@{postgres}")
    assert done.stdout.splitlines() == [f"postgres:17.1@{postgres}", f"python:3.12.1-slim@{python}"]


@pytest.mark.e2e
def test_a_second_release_takes_the_tag_as_it_is_then(release: Release, registry: Registry) -> None:
    push(registry, "python", "3.12.1-slim"), push(registry, "postgres", "17.1")
    release.run("--write")
    rebuilt = images.build("rebuilt", flavour="oci")
    registry.push(rebuilt, "library/postgres", "17.1")

    release.run("--write")

    assert release.read("docker-compose.yml") == COMPOSE.replace("17.1", f"17.1@{rebuilt.digest}")


@pytest.mark.e2e
def test_nothing_is_written_without_being_asked_for(release: Release, registry: Registry) -> None:
    push(registry, "python", "3.12.1-slim"), push(registry, "postgres", "17.1")

    assert release.run().returncode == 0
    assert (release.read("Dockerfile"), release.read("docker-compose.yml")) == (DOCKERFILE, COMPOSE)


@pytest.mark.e2e
def test_an_image_that_no_registry_has_fails_and_stays_as_it_was(release: Release, registry: Registry) -> None:
    push(registry, "python", "3.12.1-slim")

    done = release.run("--write")

    assert done.returncode == 1
    assert "postgres:17.1: its registry could not be asked" in done.stderr
    assert release.read("docker-compose.yml") == COMPOSE


@pytest.mark.e2e
@pytest.mark.parametrize("moving", ["postgres", "postgres:latest"])
def test_an_image_without_a_version_fails(release: Release, registry: Registry, moving: str) -> None:
    push(registry, "python", "3.12.1-slim")
    (release.folder / "docker-compose.yml").write_text(COMPOSE.replace("postgres:17.1", moving))

    assert release.run().returncode == 1


def test_every_image_of_the_tree_is_named_by_version() -> None:
    """Two numbers at least: a tag of one moves with every minor release."""
    files = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*")]
    text = "\n".join(path.read_text(errors="replace") for path in files if path.is_file())
    named = re.findall(r"^(?:ARG [A-Z_]+_IMAGE=|FROM |[ -]*image: *)\"?([^\s\"$]+)", text, re.MULTILINE)
    foreign = [image for image in named if image.partition(":")[0] not in {"registry-facade", "scratch"}]

    assert len(foreign) >= 2
    assert [image for image in foreign if not re.search(r":v?\d+\.\d+", image)] == []
