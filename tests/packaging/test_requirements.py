"""What is installed stands in requirements*.txt, by version and hash; what it is for stands in dependencies.md."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = sorted(ROOT.glob("requirements*.in"))
NAMES = [path.stem for path in SOURCES]
# Names that an index can't have: a test never installs what somebody else may have uploaded.
PACKAGE = "registry-facade-example"


def asked_for(source: Path) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in source.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def pinned(lock: Path) -> dict[str, list[str]]:
    """The hashes of each package, by its name and version."""
    text = lock.read_text().replace("\\\n", " ")
    entries = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return {
        entry.split(" --hash")[0].strip(): re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry) for entry in entries
    }


def documented(name: str) -> list[str]:
    page = (ROOT / "docs/reference/dependencies.md").read_text()
    _, _, rest = page.partition(f"<!-- {name}.in: begin -->")
    table, end, _ = rest.partition(f"<!-- {name}.in: end -->")
    assert end, f"dependencies.md has no table for {name}.in"
    return [row.split("|")[1].strip() for row in table.strip().splitlines()[2:]]


def test_every_list_of_packages_is_found() -> None:
    assert {"requirements", "requirements-dev"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_package_is_pinned_to_one_version_with_hashes(name: str) -> None:
    for entry, hashes in pinned(ROOT / f"{name}.txt").items():
        requirement = Requirement(entry)

        assert [specifier.operator for specifier in requirement.specifier] == ["=="], f"{entry}: run `make lock`"
        assert hashes, f"{entry} has no hash in {name}.txt: run `make lock`, which writes them"


@pytest.mark.parametrize("name", NAMES)
def test_the_pins_fit_what_is_asked_for(name: str) -> None:
    pins = {canonicalize_name(found.name): found for found in map(Requirement, pinned(ROOT / f"{name}.txt"))}

    for requirement in asked_for(ROOT / f"{name}.in"):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} stands in {name}.in and not in {name}.txt: run `make lock`"
        version = next(iter(pin.specifier)).version
        assert version in requirement.specifier, f"{name}.txt has {pin}, not {requirement}: run `make lock`"


def test_packages_of_several_lists_have_one_version() -> None:
    """They are installed together."""
    versions: dict[str, set[str]] = {}
    for name in ("requirements", "requirements-dev", "requirements-mutants"):
        for found in map(Requirement, pinned(ROOT / f"{name}.txt")):
            versions.setdefault(canonicalize_name(found.name), set()).add(str(found.specifier))

    assert {name: found for name, found in versions.items() if len(found) > 1} == {}, "run `make lock`"


@pytest.mark.parametrize("name", NAMES)
def test_no_list_names_a_place_to_fetch_from(name: str) -> None:
    """Where packages come from is the machine's own configuration; a place in a list would take precedence over it."""
    for path in (ROOT / f"{name}.in", ROOT / f"{name}.txt"):
        assert (
            re.findall(
                r"^.*(?:://|--index|--extra-index|--find-links|--trusted-host).*$", path.read_text(), re.MULTILINE
            )
            == []
        )


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_each_package_is_for(name: str) -> None:
    packages = sorted(canonicalize_name(requirement.name) for requirement in asked_for(ROOT / f"{name}.in"))

    assert documented(name) == packages, f"dependencies.md needs a row for each package of {name}.in, in order"


def installers() -> list[tuple[Path, str]]:
    """Every command of the tree that installs Python packages."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [ROOT / name for name in tracked.split("\0") if name and not name.startswith(("docs/", "tests/"))]
    found = []
    for path in files:
        if path.suffix in {".md", ".in", ".txt", ".png"} or not path.is_file():
            continue
        text = path.read_text(errors="replace").replace("\\\n", " ")
        found += [(path, line) for line in text.splitlines() if re.search(r"\bpip['\",\s-]+(?:\S+\s+)?install\b", line)]
    return found


def test_whatever_installs_packages_asks_for_hashes_and_takes_wheels_alone() -> None:
    commands = installers()

    assert {path.name for path, _ in commands} == {"Dockerfile", "venv"}, "let scripts/venv install: it checks hashes"
    for path, line in commands:
        assert "--require-hashes" in line, f"{path}: {line}"
        assert "--only-binary :all:" in line, f"{path}: {line}"
        assert "--no-deps" in line, f"{path}: {line}: pip would look at releases that no list names"


def wheel(folder: Path, content: str) -> str:
    """Write a wheel into the folder, the SHA-256 of which is returned."""
    information = f"{PACKAGE.replace('-', '_')}-1.0.dist-info"
    files = {
        "facade_example.py": content,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for name, text in files.items()
    )
    path = folder / f"{PACKAGE.replace('-', '_')}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (files | {f"{information}/RECORD": record + f"{information}/RECORD,,\n"}).items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Tree:
    """A tree with nothing but scripts/venv and a list of one package, and a folder that is its only package index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = folder / "index"
        self.index.mkdir()
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/venv", folder / "scripts")

    def install(self, requirements: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "requirements.txt").write_text(requirements)
        machine = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        environment = machine | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index), "PIP_CONFIG_FILE": os.devnull}
        return subprocess.run(
            ["scripts/venv"], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

    @property
    def installed(self) -> bool:
        return any(self.folder.glob(".venv/lib/*/site-packages/facade_example.py"))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.mark.e2e
def test_a_package_with_its_hash_is_installed(tree: Tree) -> None:
    digest = wheel(tree.index, "honest = True\n")

    done = tree.install(f"{PACKAGE}==1.0 --hash=sha256:{digest}\n")

    assert done.returncode == 0, done.stderr
    assert tree.installed


@pytest.mark.e2e
def test_a_package_that_was_exchanged_at_the_index_is_not_installed(tree: Tree) -> None:
    digest = wheel(tree.index, "honest = True\n")
    wheel(tree.index, "honest = False\n")

    done = tree.install(f"{PACKAGE}==1.0 --hash=sha256:{digest}\n")

    assert done.returncode != 0
    assert not tree.installed
    assert "make lock" in done.stderr


@pytest.mark.e2e
def test_a_package_without_a_hash_is_not_installed(tree: Tree) -> None:
    wheel(tree.index, "honest = True\n")

    done = tree.install(f"{PACKAGE}==1.0\n")

    assert done.returncode != 0
    assert not tree.installed
    assert "make lock" in done.stderr


@pytest.mark.e2e
def test_a_source_distribution_is_not_built(tree: Tree) -> None:
    archive = tree.index / f"{PACKAGE}-1.0.zip"
    with zipfile.ZipFile(archive, "w") as source:
        source.writestr(f"{PACKAGE}-1.0/setup.py", "import pathlib; pathlib.Path('/nowhere')")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()

    done = tree.install(f"{PACKAGE}==1.0 --hash=sha256:{digest}\n")

    assert done.returncode != 0
    assert not tree.installed
