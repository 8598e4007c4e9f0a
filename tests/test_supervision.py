"""What runs beside the server is begun again, whatever kept it from being begun."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facade_site import supervision
from facade_site.supervision import Supervised
from tests.waiting import until


@pytest.mark.parametrize("failures", [1, 3])
def test_it_is_begun_once_the_machine_can(failures: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the server's start, too, which goes on."""
    begun, begin = [], subprocess.Popen

    def sometimes(*arguments: Any, **options: Any) -> Any:
        begun.append(arguments)
        if len(begun) <= failures:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return begin(*arguments, **options)

    monkeypatch.setattr(supervision, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(supervision, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(subprocess, "Popen", sometimes)
    marker = tmp_path / "is there"
    code = f"import pathlib, time; pathlib.Path({str(marker)!r}).touch(); time.sleep(600)"

    supervised = Supervised([sys.executable, "-c", code], tmp_path, {}, logging.getLogger("tests"))
    try:
        until(marker.exists, "it has begun")
    finally:
        supervised.stop()

    assert len(begun) == failures + 1
