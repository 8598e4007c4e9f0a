"""request-handling.md, line by line: each has rows here or is tested in a file named here, and each row holds."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from routing.core.decide import decide
from tests.core.contract import Row, agrees, outcome_of
from tests.core.contract_rows import ROWS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "request-handling.md"
DATAPLANE = "tests/dataplane"
# The lines that decide() doesn't settle, by the file that tests them.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    f"{DATAPLANE}/test_body_guard.py": ("R6.6", "R6.7"),
    f"{DATAPLANE}/test_active_content.py": ("R7.9", "R14.14"),
    f"{DATAPLANE}/test_pages.py": ("R17.4",),
    f"{DATAPLANE}/test_echo.py": ("R18.2", "R18.3"),
    f"{DATAPLANE}/test_contract_wire.py": ("R7.1", "R7.2", "R7.3", "R7.4", "R7.6"),
    "tests/core/test_hostile_targets.py": ("R7.5",),
    f"{DATAPLANE}/test_middleware.py": ("R7.7", "R7.8"),
    f"{DATAPLANE}/test_proxies.py": ("R12.2",),
    f"{DATAPLANE}/test_loops.py": ("R14.10",),
    f"{DATAPLANE}/test_token.py": (*(f"R13.{number}" for number in range(1, 13)), "R13.14"),
    f"{DATAPLANE}/test_mixed_registries.py": ("R13.13",),
    f"{DATAPLANE}/test_lists.py": ("R14.4",),
    f"{DATAPLANE}/test_registry_redirects.py": ("R14.7", "R15.8"),
    f"{DATAPLANE}/test_refusal_codes.py": ("R14.11", "R14.12"),
    f"{DATAPLANE}/test_proxied_registries.py": ("R14.13",),
    f"{DATAPLANE}/test_relay.py": ("R14.1", "R14.2", "R14.3", "R14.5", "R14.8"),
    f"{DATAPLANE}/test_notices.py": ("R14.18",),
    f"{DATAPLANE}/test_relay_faults.py": ("R14.6", "R15.7"),
    f"{DATAPLANE}/test_relay_limits.py": ("R14.9",),
    f"{DATAPLANE}/test_answers_nobody_reads.py": ("R14.15",),
    f"{DATAPLANE}/test_printable_words.py": ("R14.16",),
    f"{DATAPLANE}/test_registry_shares.py": ("R14.17",),
    f"{DATAPLANE}/remembered/test_answers.py": ("R19.1", "R19.2", "R19.3", "R19.4", "R19.6", "R19.7"),
    f"{DATAPLANE}/remembered/test_single_flight.py": ("R19.5", "R19.9"),
    f"{DATAPLANE}/remembered/test_outages.py": ("R19.8",),
    f"{DATAPLANE}/remembered/test_disk.py": ("R19.10",),
    f"{DATAPLANE}/remembered/test_locations.py": ("R19.11",),
    f"{DATAPLANE}/remembered/test_by_account.py": ("R19.12",),
    f"{DATAPLANE}/remembered/test_published.py": tuple(f"R21.{number}" for number in range(1, 9)),
    f"{DATAPLANE}/test_blob_locations.py": tuple(f"R15.{number}" for number in range(1, 7)),
    f"{DATAPLANE}/test_former_target.py": tuple(f"R20.{number}" for number in range(3, 7)),
    f"{DATAPLANE}/test_blob_streams.py": tuple(f"R16.{number}" for number in range(1, 6)),
}


def lines_of_the_page() -> list[str]:
    return re.findall(r"^- \*\*(R\d+\.\d+)\*\* ", PAGE.read_text(), re.MULTILINE)


def test_the_lines_are_numbered_in_order() -> None:
    lines = [tuple(map(int, line[1:].split("."))) for line in lines_of_the_page()]

    assert lines == sorted(set(lines))
    assert len(lines) == PAGE.read_text().count("\n- **")


def test_every_line_has_rows_or_a_file_and_no_row_is_about_nothing() -> None:
    with_rows = {line for row in ROWS for line in row.lines}
    elsewhere = Counter(line for lines in ELSEWHERE.values() for line in lines)

    assert [line for line, count in elsewhere.items() if count > 1] == []
    assert with_rows & elsewhere.keys() == set()
    assert with_rows | elsewhere.keys() == set(lines_of_the_page())


@pytest.mark.parametrize("path", ELSEWHERE)
def test_what_is_tested_elsewhere_is(path: str) -> None:
    assert "def test_" in (ROOT / path).read_text()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_the_decision_is_the_one_that_the_page_says(row: Row) -> None:
    seen = outcome_of(decide(row.table, row.request))

    assert agrees(seen, row.outcome), f"got {seen}, expected {row.outcome}"
