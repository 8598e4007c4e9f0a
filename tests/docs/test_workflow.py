"""The workflow of the how-to, as a runner would run it, with a real repository. GitHub's own `gh` is a stand-in."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import DOCS, blocks
from tests.docs.running import Reader
from tests.e2e.facade import Facade

pytestmark = pytest.mark.e2e
PAGE = DOCS / "how-to" / "configuration-as-code.md"
DOCUMENT = next(each.text for each in blocks(PAGE) if each.text.startswith("version: 1\n"))
#: Keeps what it was called with, and the file that it was to send.
GH = """#!/bin/sh
set -eu
echo "$*" >> "$SENT/calls"
cp "$5" "$SENT/comment"
"""


class Runner:
    """Runs the workflow's jobs in a clone of the repository, as a self-hosted runner beside the facade does."""

    def __init__(self, facade: Facade, folder: Path) -> None:
        (block,) = (each for each in blocks(PAGE) if each.language == "yaml" and each.text.startswith("name: facade"))
        # YAML 1.1 reads `on` as a truth.
        self.workflow: dict[Any, Any] = yaml.safe_load(block.text)
        self.facade, self.folder, self.reader = facade, folder, Reader(facade, folder)
        self.sent, self.repository = folder / "sent", folder / "repository"
        for each in (self.sent, self.repository):
            each.mkdir()
        (folder / "bin" / "gh").write_text(GH)
        (folder / "bin" / "gh").chmod(0o755)
        self._git(self.repository, "init", "-q", "-b", "main")

    def commit(self, document: str) -> str:
        """Commit the document; the commit's name."""
        (self.repository / "facade.yaml").write_text(document)
        self._git(self.repository, "add", "facade.yaml")
        self._git(self.repository, "commit", "-q", "--allow-empty", "-m", "Change")
        return self._git(self.repository, "rev-parse", "HEAD").strip()

    def happens(self, event: str, **github: Any) -> bool:
        """Run what the workflow does then; whether every step of it succeeded."""
        assert event in self.workflow[True]
        known = {"github.event_name": event, "github.token": "ghs_secret", **github}
        jobs = [job for job in self.workflow["jobs"].values() if job["if"] == f"github.event_name == '{event}'"]
        assert len(jobs) == 1
        workspace = self.folder / "workspace"
        subprocess.run(["rm", "-rf", str(workspace)], check=True)
        return all(self._step(step, workspace, known) for step in jobs[0]["steps"])

    def _step(self, step: dict[str, Any], workspace: Path, known: dict[str, Any]) -> bool:
        if "uses" in step:
            assert step["uses"].startswith("actions/checkout@")
            self._git(self.folder, "clone", "-q", str(self.repository), str(workspace))
            return True
        # What an event brings is never a part of a command.
        assert "${{" not in step["run"]
        given = {name: _filled_in(value, known) for name, value in step.get("env", {}).items()}
        environment = self.facade.env | given | {"SENT": str(self.sent), "PATH": self.reader.path}
        # Without `shell:` a step is run so (GitHub's reference of workflows, jobs.<job_id>.steps[*].shell).
        done = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=workspace, env=environment, check=False)
        return done.returncode == 0

    @staticmethod
    def _git(folder: Path, *arguments: str) -> str:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@acme.com"]
        done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout


def _filled_in(text: str, known: dict[str, Any]) -> str:
    return re.sub(r"\$\{\{ ([a-z_.]+) \}\}", lambda match: str(known[match[1]]), text)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with Facade(workers=1, sqlite=True, FACADE_PROBE_ON_SAVE="false") as facade:
        yield Runner(facade, tmp_path)


def mappings(facade: Facade) -> dict[str, str]:
    rows = json.loads(facade.manage("list_mappings", "--json"))
    return {f"{row['hostname']}/{row['prefix']}": row["target"] for row in rows}


def test_a_pull_request_gets_the_plan_and_the_merge_applies_it(runner: Runner) -> None:
    runner.commit(DOCUMENT)
    assert runner.happens("pull_request", **{"github.event.number": 7})

    comment = (runner.sent / "comment").read_text()
    assert "docker.acme.com/app" in comment
    assert (runner.sent / "calls").read_text() == "pr comment 7 --body-file plan.txt\n"
    assert mappings(runner.facade) == {}

    commit = runner.commit(DOCUMENT)
    assert runner.happens("push", **{"github.sha": commit})

    assert mappings(runner.facade) == {"docker.acme.com/app": "ghcr.io/acme-inc/app"}
    history = runner.facade.manage("facade", "history", "--noun", "mapping", "--json")
    assert commit in history


def test_what_the_file_no_longer_has_goes_with_the_merge_and_is_in_the_plan_before(runner: Runner) -> None:
    assert runner.happens("push", **{"github.sha": runner.commit(DOCUMENT)})
    less = DOCUMENT.partition("        mappings:")[0]

    runner.commit(less)
    assert runner.happens("pull_request", **{"github.event.number": 8})
    assert "docker.acme.com/app" in (runner.sent / "comment").read_text()
    assert len(mappings(runner.facade)) == 1

    assert runner.happens("push", **{"github.sha": runner.commit(less)})
    assert mappings(runner.facade) == {}


def test_a_file_that_cannot_be_read_fails_the_job_and_nothing_is_said_or_done(runner: Runner) -> None:
    commit = runner.commit(DOCUMENT.replace("version: 1", "version: 1\nregistrys: []"))

    assert not runner.happens("pull_request", **{"github.event.number": 9})
    assert not runner.happens("push", **{"github.sha": commit})

    assert not (runner.sent / "comment").exists()
    assert mappings(runner.facade) == {}
