"""`scripts/release` looks at everything before it changes anything, and makes what it says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: In place of the tool that lists what is installed: it writes what it was told.
LISTS = """#!/bin/sh
for word; do last=$word; done
printf '{"told": "%s"}' "$*" >"$last"
"""
#: In place of docker, on a machine of amd64: it keeps what it was told, and which files it was given.
BUILDS = """#!/bin/sh
case "$1" in
version) echo amd64 ;;
build)
    for word; do folder=$word; done
    echo "$* $(ls "$folder" | tr '\\n' ' ')" >>"$HOME/built"
    ;;
esac
"""
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- Something new.\n\n## 1.0.0 - 2026-01-02\n\n- The first.\n"


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


class Tree:
    """A repository on `main` with a changelog, a version and the script; docker can't be asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tree"
        shutil.copytree(ROOT / "scripts", self.folder / "scripts", ignore=lambda _, names: {*names} - {"release"})
        self.write("CHANGELOG.md", CHANGELOG)
        self.write("pyproject.toml", '[project]\nname = "registry-facade"\nversion = "1.0.0"\n')
        self.write(".gitignore", "dist/\n.venv-tools/\n")
        self.write("requirements.txt", "")
        self.programs, tools = folder / "bin", self.folder / ".venv-tools/bin"
        self.programs.mkdir()
        tools.mkdir(parents=True)
        program(self.programs / "docker", "#!/bin/sh\nexit 1\n")
        program(self.folder / "scripts/venv", "#!/bin/sh\n")
        program(tools / "cyclonedx-py", LISTS)
        who = {f"GIT_{role}_{what}": "maintainer" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self.env = {"PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8"} | who
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit()
        self.git("tag", "v1.0.0")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "so it is")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=self.env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def release(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["scripts/release", *words], cwd=self.folder, env=self.env, capture_output=True, text=True
        )

    def state(self) -> tuple[str, str]:
        return self.git("rev-parse", "HEAD"), self.git("tag", "--list")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_release_is_dated_tagged_and_packed(tree: Tree) -> None:
    done = tree.release("1.1.0")

    assert done.returncode == 0, done.stderr
    changelog = (tree.folder / "CHANGELOG.md").read_text()
    assert re.search(r"## Unreleased\n\n## 1\.1\.0 - \d{4}-\d\d-\d\d\n\n- Something new\.", changelog)
    assert 'version = "1.1.0"' in (tree.folder / "pyproject.toml").read_text()
    assert tree.git("rev-parse", "v1.1.0^{commit}") == tree.git("rev-parse", "HEAD")
    assert tree.git("status", "--porcelain") == ""
    archive = tree.folder / "dist/registry-facade-1.1.0.tar.gz"
    with tarfile.open(archive) as packed:
        assert "registry-facade-1.1.0/CHANGELOG.md" in packed.getnames()
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in (archive.parent / f"{archive.name}.sha256").read_text()
    assert "No image: docker can't be asked here." in done.stdout
    assert "requirements.txt" in json.loads((tree.folder / "dist/registry-facade-1.1.0.cdx.json").read_text())["told"]


@pytest.mark.e2e
def test_the_list_names_every_package_with_its_version(tree: Tree) -> None:
    """By the real tool, of the real pins."""
    subprocess.run(["scripts/venv", "tools"], cwd=ROOT, check=True, capture_output=True)
    tool = ROOT / ".venv-tools/bin/cyclonedx-py"
    program(tree.folder / ".venv-tools/bin/cyclonedx-py", f'#!/bin/sh\nexec "{tool}" "$@"\n')
    shutil.copy(ROOT / "requirements.txt", tree.folder)
    tree.commit()

    done = tree.release("1.1.0")

    assert done.returncode == 0, done.stderr
    listed = json.loads((tree.folder / "dist/registry-facade-1.1.0.cdx.json").read_text())
    pins = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["version"] == "1.1.0"
    assert sorted({(each["name"], each["version"]) for each in listed["components"]}) == sorted(set(pins))
    assert all(each["externalReferences"][0]["hashes"] for each in listed["components"])


def built(tree: Tree) -> list[str]:
    """How docker was called for each image."""
    return (tree.folder.parent / "built").read_text().splitlines()


def test_images_are_built_from_what_is_released(tree: Tree) -> None:
    program(tree.programs / "docker", BUILDS)
    tree.env["FACADE_TEST_BINFMT"] = str(tree.folder.parent)
    tree.git("remote", "add", "origin", "https://someone:secret@git.acme.com/registry-facade.git")

    done = tree.release("1.1.0")

    assert done.returncode == 0, done.stderr
    (call,) = built(tree)
    revision = tree.git("rev-parse", "v1.1.0^{commit}")
    assert "--platform linux/amd64 --tag registry-facade:1.1.0 " in call
    assert f"--build-arg VERSION=1.1.0 --build-arg REVISION={revision} " in call
    assert "--build-arg SOURCE=https://git.acme.com/registry-facade.git " in call
    assert "CHANGELOG.md" in call
    assert "sbom.cdx.json" in call
    assert "dist" not in call.split()[-8:]
    assert "Built registry-facade:1.1.0 for amd64." in done.stdout
    assert "No image for arm64: this machine can't run its programs" in done.stdout


def test_the_other_processors_image_is_built_where_its_programs_run(tree: Tree) -> None:
    program(tree.programs / "docker", BUILDS)
    (tree.folder.parent / "qemu-aarch64").write_text("enabled")
    tree.env["FACADE_TEST_BINFMT"] = str(tree.folder.parent)

    done = tree.release("1.1.0")

    assert done.returncode == 0, done.stderr
    assert "the image for amd64 arm64" in done.stdout
    assert [
        "--tag registry-facade:1.1.0 " in built(tree)[0],
        "--tag registry-facade:1.1.0-arm64 " in built(tree)[1],
    ] == [
        True,
        True,
    ]
    assert "No image" not in done.stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "which version?"),
        (("1.1",), 2, "1.1 is no version"),
        (("v1.1.0",), 2, "v1.1.0 is no version"),
        (("1.1.0", "--force"), 2, "takes a version, and --dry-run"),
        (("1.0.0",), 1, "there is a tag v1.0.0 already"),
        (("0.9.9",), 1, "0.9.9 is older than the last release, 1.0.0"),
    ],
)
def test_a_wrong_version_changes_nothing(tree: Tree, words: tuple[str, ...], status: int, said: str) -> None:
    before = tree.state()

    done = tree.release(*words)

    assert (done.returncode, tree.state()) == (status, before)
    assert said in done.stderr


def on_another_branch(tree: Tree) -> None:
    tree.git("switch", "--quiet", "--create", "mine")


def with_a_change(tree: Tree) -> None:
    tree.write("new", "")


def with_an_empty_section(tree: Tree) -> None:
    tree.write("CHANGELOG.md", CHANGELOG.replace("- Something new.\n", ""))
    tree.commit()


def without_a_section(tree: Tree) -> None:
    tree.write("CHANGELOG.md", CHANGELOG.replace("## Unreleased", "## 1.0.1 - 2026-02-03"))
    tree.commit()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (on_another_branch, "releases are made on main, and mine is checked out"),
        (with_a_change, "the tree is not clean"),
        (with_an_empty_section, "nothing stands under"),
        (without_a_section, 'no section "## Unreleased"'),
    ],
)
def test_what_is_not_ready_is_not_released(tree: Tree, spoil: Callable[[Tree], None], said: str) -> None:
    spoil(tree)
    before = tree.state()

    done = tree.release("1.1.0")

    assert (done.returncode, tree.state()) == (1, before)
    assert said in done.stderr


def test_a_dry_run_changes_nothing(tree: Tree) -> None:
    before = tree.state()

    done = tree.release("1.1.0", "--dry-run")

    assert (done.returncode, tree.state()) == (0, before)
    assert "Nothing was changed" in done.stdout
    assert not (tree.folder / "dist").exists()
