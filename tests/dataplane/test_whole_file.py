"""A file that is replaced is the former one or the new one, also where there is no room."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from routing.conf import reports_folder
from routing.dataplane.live.comparison import Outcome, Report, reports, write_report
from routing.table.whole_file import replace_file


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process can be longer meanwhile: as on a full disk, the kernel writes less than it was given."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_former_file_stays_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    replace_file(path, "the former")
    with room_for(20), pytest.raises(OSError, match="File too large"):
        replace_file(path, "longer " * 10)

    assert path.read_text() == "the former"
    assert list(tmp_path.iterdir()) == [path]
    replace_file(path, "the next")
    assert path.read_text() == "the next"


def test_a_report_that_can_not_be_written_leaves_nothing(tmp_path: Path, settings: Settings) -> None:
    settings.STATE_DIR = tmp_path
    with room_for(20), pytest.raises(OSError, match="File too large"):
        write_report(reports_folder(), Report(1, 1, "worker", 1, "", Outcome.SAME))

    assert list(reports_folder().iterdir()) == []
    assert list(reports(reports_folder())) == []
