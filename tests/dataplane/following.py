"""Programs that follow a database in a process of their own, and print at last what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def facts_of(program: str, folder: Path, database_url: str, **settings: str) -> dict[str, Any]:
    """What `python -m program` found, with its state in that folder."""
    given = {
        "DJANGO_SETTINGS_MODULE": "facade_site.settings",
        "DATABASE_URL": database_url,
        "FACADE_STATE_DIR": str(folder),
        "FACADE_PROBE_ON_SAVE": "false",
    }
    argv = [sys.executable, "-m", program]
    done = subprocess.run(
        argv, cwd=ROOT, env=os.environ | given | settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts
