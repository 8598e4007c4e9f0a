"""What tests may share: the tests of the core hang on nothing but the core, so that they run without the rest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import shares_a_fixture, starts_programs

TESTS = Path(__file__).parent
CORE = sorted((TESTS / "core").glob("*.py"))
#: What the tests of the core may import of the project: the core, themselves, and two modules that import nothing else.
FOR_CORE = ("routing.core", "tests.core", "tests.pull_matrix", "tests.examples")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "" if not node.level else f"{'.'.join(path.parts[-3:-1])}.{node.module}"


@pytest.mark.parametrize("path", [*CORE, TESTS / "pull_matrix.py", TESTS / "examples.py"], ids=lambda path: path.stem)
def test_the_tests_of_the_core_import_the_core_alone(path: Path) -> None:
    ours = [name for name in imports_of(path) if name.split(".")[0] in ("routing", "tests", "facade_site")]

    assert [name for name in ours if not name.startswith(FOR_CORE)] == []


def test_every_form_of_import_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "core"
    folder.mkdir(parents=True)
    path = folder / "test_x.py"
    path.write_text("import tests.e2e\nfrom routing.models import Tenant\nfrom .contract import Row\n")

    assert list(imports_of(path)) == ["tests.e2e", "routing.models", "tests.core.contract"]


@pytest.fixture(scope="module")
def made_once() -> str:
    return "made once"


@pytest.mark.e2e
def test_what_shares_a_fixture_stays_on_one_worker(request: pytest.FixtureRequest, made_once: str) -> None:
    assert shares_a_fixture(request.node)
    if request.config.getoption("loadgroup", False):
        assert request.node.nodeid.endswith("@tests/test_layout.py")


@pytest.mark.e2e
def test_what_shares_nothing_goes_to_whichever_worker_is_free(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    assert not shares_a_fixture(request.node)
    assert "@" not in request.node.nodeid


@pytest.mark.parametrize(
    ("module", "starts"),
    [
        ("moving/test_houses.py", True),
        ("dataplane/test_sqlite_file.py", True),
        ("commands/test_exit_status.py", True),
        ("core/test_hosts.py", False),
        ("moving/test_damage.py", False),
    ],
)
def test_what_starts_programs_is_known(module: str, starts: bool) -> None:
    assert starts_programs(TESTS / module) == starts
