"""The commands of docs/tutorials/from-nothing.md, typed as they stand there; its names lead to an edge on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.compose.project import Engine, engine
from tests.compose.test_compose import READY_SECONDS
from tests.compose.test_edge import ADDRESS, ROOT_CERTIFICATE, EdgeProject
from tests.docs.pages import DOCS, Block, blocks
from tests.e2e.lab import process
from tests.e2e.lab.process import Completed, wait_until

pytestmark = pytest.mark.e2e

PAGE = DOCS / "tutorials" / "from-nothing.md"
TYPED = "tests/compose/test_tutorial.py"
#: What the reader has on the machine, and what stands for the DNS and for a public authority.
DOCKER = """#!/bin/sh
[ "$1" = compose ] && shift && exec docker-compose --project-directory {folder} --file {folder}/docker-compose.yml "$@"
exec /usr/bin/docker "$@"
"""
CURL = """#!/bin/sh
exec /usr/bin/curl --connect-to ::{address}:{port} --cacert {root} "$@"
"""


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with engine() as running:
        yield running


class Reader:
    """Somebody who types what the tutorial says."""

    def __init__(self, project: EdgeProject, folder: Path) -> None:
        self.project, self.programs = project, folder / "bin"
        self.programs.mkdir()
        self.root = folder / "root.crt"
        self._write("docker", DOCKER.format(folder=project.folder))
        self._write("curl", CURL.format(address=ADDRESS, port=project.https_port, root=self.root))

    def type(self, block: Block) -> Completed:
        """Run a block of the page."""
        env = self.project.engine.environment
        path = f"{self.programs}:{env['PATH']}"
        return process.run(["bash", "-eu", "-o", "pipefail", "-c", block.text], env=env | {"PATH": path})

    def trust(self) -> bool:
        """Take over the certificate of the edge's own authority, once there is one."""
        shown = self.project.compose("exec", "-T", "edge", "cat", ROOT_CERTIFICATE)
        self.root.write_text(shown.stdout)
        return shown.ok

    def _write(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)


def test_what_the_page_says_leads_to_a_challenge_from_ones_own_address(docker: Engine, tmp_path: Path) -> None:
    page = list(blocks(PAGE))
    typed = [block for block in page if TYPED in block.attributes.get("not-run", "")]
    shown = {before.line: after.text for before, after in pairwise(page) if after.language == "output"}
    (settings,) = [block.text for block in page if block.language == "ini"]
    assert len(typed) == 5

    with EdgeProject(docker, tmp_path / "project") as project:
        project.write_settings(**dict(re.findall(r"^(\w+)=(.*)$", settings, re.MULTILINE)))
        # No public authority is asked by a test.
        project.write_settings(FACADE_ACME_EMAIL="internal")
        reader = Reader(project, tmp_path)
        reader.type(typed[0]).checked()
        wait_until(reader.trust, "the edge has its authority", READY_SECONDS)

        for block in typed[1:]:
            said = ""

            def printed(block: Block = block) -> bool:
                nonlocal said
                done = reader.type(block)
                said = done.output.replace("\r", "")
                return done.ok and all(line in said for line in shown.get(block.line, "").splitlines())

            wait_until(printed, f"{block.place} does what the page says; it said: {said}", READY_SECONDS)
