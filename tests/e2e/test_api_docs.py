"""docs/reference/api.md: every command of the page runs, against a real server with the real curl."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.e2e.facade import USERNAME, Facade

pytestmark = pytest.mark.e2e
PAGE = ROOT / "docs/reference/api.md"


def commands() -> list[str]:
    """The page's shell lines, in their order."""
    return [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]


@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with Facade(workers=1, FACADE_PROBE_ON_SAVE="false") as running:
        running.manage("add_mapping", "docker.acme.com", "other", "ghcr.io/other", "--tenant", "acme")
        yield running


def test_every_command_does_what_the_page_says(facade: Facade) -> None:
    token = facade.manage("create_api_token", USERNAME, "docs").strip()
    kept: dict[str, object] = {}
    asked = [line for line in commands() if line.startswith("curl ")]

    assert [line for line in commands() if not line.startswith(("curl ", "export "))] == []
    for line in asked:
        # The mapping of the session is gone at its end; then the other one serves.
        line = line.replace("mappings/17", f"mappings/{kept.get('id')}").replace("id=17", f"id={kept.get('id')}")
        line = line.replace('"4"', f'"{kept.get("version")}"')
        done = subprocess.run(
            ["bash", "-c", line.replace("curl ", "curl --silent --show-error --fail-with-body --max-time 30 ", 1)],
            env={"FACADE": f"{facade.url}/api/v1", "TOKEN": token, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, (line, done.stdout, done.stderr)
        if "DELETE" in line:
            found = facade.request("GET", "/api/v1/mappings", headers={"Authorization": f"Bearer {token}"})
            kept = json.loads(found.body)["items"][0]
            continue
        # Where the page says so, curl is asked for the answer's head too.
        said = json.loads(re.split(r"\r?\n\r?\n", done.stdout)[-1])
        kept |= said.get("mapping", {}) or ({"version": said["version"]} if "version" in said else {})
