"""The image says what it is: labels, version, commit, and the list of what is installed. It has no compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from routing import __version__
from tests.compose.project import ROOT, Engine, engine

pytestmark = pytest.mark.e2e

REVISION = "0123456789abcdef0123456789abcdef01234567"
IMAGE = "registry-facade:labelled"


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """With an image as a release builds it: from the tracked files, and a list beside them."""
    folder = tmp_path_factory.mktemp("release")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / "sbom.cdx.json").write_text("{}")
    with engine() as running:
        arguments = {"VERSION": __version__, "REVISION": REVISION, "SOURCE": "https://git.acme.com/registry-facade"}
        words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        running.docker("build", "--tag", IMAGE, *words, str(folder), timeout_seconds=900).checked()
        yield running


def inspected(docker: Engine, image: str) -> Any:
    return json.loads(docker.docker("inspect", image).checked().stdout)[0]


def run(docker: Engine, *words: str) -> str:
    done = docker.docker(
        "run", "--rm", "--network", "none", "--user", "45678", "--read-only", "--tmpfs", "/tmp", IMAGE, *words
    )
    return done.checked().stdout


def test_its_labels_say_what_it_is(docker: Engine) -> None:
    config = inspected(docker, IMAGE)["Config"]

    told = {name.rpartition(".")[2]: text for name, text in config["Labels"].items() if "opencontainers" in name}
    assert told["version"] == __version__
    assert told["revision"] == REVISION
    assert told["source"] == "https://git.acme.com/registry-facade"
    assert told["licenses"] == "MIT"
    assert config["StopSignal"] == "SIGTERM"
    assert config["User"] == "facade"


def test_its_programs_say_so_too(docker: Engine) -> None:
    told = json.loads(run(docker, "facade", "version", "--json"))

    assert (told["version"], told["revision"]) == (__version__, REVISION)


def test_it_has_the_list_of_what_is_installed_and_no_compiler(docker: Engine) -> None:
    assert run(docker, "cat", "sbom.cdx.json") == "{}"
    assert run(docker, "sh", "-c", "command -v cc gcc g++ clang make || echo none") == "none\n"
