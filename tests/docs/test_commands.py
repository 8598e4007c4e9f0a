"""What the guides tell to type works, in the order in which they tell it, on a server with sample data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block
from tests.docs.running import GUIDES, Reader, steps
from tests.e2e.facade import Facade

TYPED = [page for page in GUIDES if any(True for _ in steps(page))]


@pytest.mark.e2e
@pytest.mark.parametrize("page", TYPED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_guide_works(page: Path, tmp_path: Path) -> None:
    with Facade(workers=1, sqlite=True, FACADE_PROBE_ON_SAVE="false", FACADE_CONTROL_HOSTS="localhost") as facade:
        facade.manage("add_example_mapping")
        facade.manage("add_sample_data", extra={"DEBUG": "true"})
        reader = Reader(facade, tmp_path)
        for block, expected in steps(page):
            reader.type(block, expected)


@pytest.mark.e2e
def test_a_command_that_fails_or_says_something_else_is_found(tmp_path: Path) -> None:
    with Facade(workers=1, sqlite=True) as facade:
        reader = Reader(facade, tmp_path)
        page = ROOT / "README.md"

        reader.type(Block(page, 1, "sh", {}, "export NAME=kept\n"), "")
        reader.type(Block(page, 1, "sh", {}, 'echo "it is $NAME"\necho more\n'), "it is …pt\nmore\n")
        with pytest.raises(AssertionError):
            reader.type(Block(page, 1, "sh", {}, "false\ntrue\n"), "")
        with pytest.raises(AssertionError):
            reader.type(Block(page, 1, "sh", {"fails": "so"}, "true\n"), "")
