"""What every process imports before it does anything: each command waits for it."""

import subprocess
import sys

import pytest
from django.contrib.admin.checks import check_admin_app
from django.core.checks import Tags, run_checks

from routing.admin.mappings.admin import MappingAdmin

_LOADED = "import sys, django; django.setup(); print(*sys.modules)"


def test_no_command_waits_for_the_pages() -> None:
    loaded = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True).stdout.split()

    assert "routing.accounts.signals" in loaded
    assert "routing.admin.site" not in loaded


def test_the_pages_are_checked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_admin_app(None) == []
    monkeypatch.setattr(MappingAdmin, "list_filter", ("nothing",))

    assert [wrong.id for wrong in run_checks(tags=[Tags.admin])] == ["admin.E116"]
