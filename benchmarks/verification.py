"""How long it takes to verify 1,000 tags against a registry that takes 20 ms for each answer."""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.servers import LOAD_CORE, ROOT, SERVER_CORE

TAGS, MILLISECONDS, MOST_SECONDS = 1_000, 20, 30

# A whole report, in a process of its own and from an empty database, as `facade verify` makes it.
_VERIFY = """
import json, sys, time, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import make_report, start_verification
actor, old, new = Actor.program("benchmark"), sys.argv[1], sys.argv[2]
target = f"{old}/acme/app"
mapping = add_mapping(actor, "", hostname="docker.example.com", prefix="acme/app", target=target).mapping
began = time.monotonic()
started = start_verification(actor, candidates=[Candidate(mapping.pk, f"{new}/acme/app")])
row = make_report(started.pk)
print(json.dumps({"seconds": time.monotonic() - began, "compared": row.compared, "clean": row.is_clean,
                  "requests": row.requests}))
"""


def verification(_options: argparse.Namespace) -> list[str]:
    """Measure, and say it in a section of the results. Raises SystemExit where it is over what was promised."""
    with _registry() as old, _registry() as new:
        found = _verify(old, new)
    if not found["clean"] or found["compared"] != TAGS:
        raise SystemExit(f"the report is not as it should be: {found}")
    if found["seconds"] > MOST_SECONDS:
        raise SystemExit(f"verifying {TAGS} tags took {found['seconds']:.1f} s, over {MOST_SECONDS} s")
    return [
        "## Verifying a switch",
        "",
        f"- {TAGS:,} tags at registries that take {MILLISECONDS} ms for each answer: {found['seconds']:.1f} s, "
        f"{found['requests']:,} requests.",
    ]


def _verify(old: str, new: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "facade_site.settings",
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": f"sqlite:///{folder}/facade.sqlite3",
            "FACADE_STATE_DIR": folder,
            "SECRET_KEY": "only-for-a-benchmark",
            "FACADE_ALLOW_INSECURE_REGISTRIES": "true",
            "FACADE_ALLOW_PRIVATE_REGISTRIES": "true",
            "FACADE_CONTROL_HOSTS": "localhost",
        }
        command = ["taskset", "-c", SERVER_CORE, sys.executable, "-c", _VERIFY, old, new]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise SystemExit(f"no report came about: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextlib.contextmanager
def _registry() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = str(Path(__file__).with_name("slow_registry.py"))
    command = ["taskset", "-c", LOAD_CORE, sys.executable, program, str(port), str(TAGS), str(MILLISECONDS)]
    process = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit("the slow registry does not answer")
