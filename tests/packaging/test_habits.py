"""What runs by itself (workflows, hooks, editors) calls what people call, and that is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_make_targets_that_are_there(workflow: Path) -> None:
    called = [target for step in steps(workflow) for target in re.findall(r"\bmake ([a-z-]+)$", step.get("run", ""))]

    assert called
    assert set(called) <= TARGETS
    assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}


def test_the_workflows_check_what_a_change_has_to_pass() -> None:
    runs = {step.get("run") for step in steps(ROOT / ".github/workflows/checks.yml")}

    assert {"make lint", "make test-fast", "make docs", "make test"} <= runs


def test_every_check_of_make_lint_is_a_hook() -> None:
    checks = re.findall(r"^(?:[A-Z_]+=\S+ )?check (\w+) ", (ROOT / "scripts/lint").read_text(), re.MULTILINE)
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]

    assert sorted(hook["id"] for hook in repository["hooks"]) == sorted(checks)
    for hook in repository["hooks"]:
        assert hook["entry"] == f"scripts/lint {hook['id']}"
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)


def test_a_check_that_is_not_there_is_an_error() -> None:
    done = subprocess.run(["scripts/lint", "speling"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 2
    assert "knows no speling; it knows ruff format" in done.stderr


def test_every_make_target_has_a_help_text_and_is_no_file() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())

    assert phony == TARGETS
    assert set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)) == TARGETS


@pytest.mark.parametrize("script", ["dev", "docs", "licences", "release"])
def test_a_script_refuses_what_it_does_not_know(script: str) -> None:
    done = subprocess.run([f"scripts/{script}", "no-such-word"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 2
    assert f"scripts/{script}" in done.stderr


def test_updates_are_looked_for_wherever_something_is_pinned() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]

    assert {update["package-ecosystem"] for update in updates} == {"pip", "docker", "docker-compose", "github-actions"}


def test_editors_know_the_length_of_lines() -> None:
    length = re.findall(r"^line-length = (\d+)$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

    assert re.findall(r"^max_line_length = (\d+)$", (ROOT / ".editorconfig").read_text(), re.MULTILINE) == length


def test_nothing_that_is_made_here_is_tracked() -> None:
    """A tracked link in place of .venv would take the environment of whoever checks it out."""
    tracked = subprocess.run(["git", "ls-files", "-s"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    modes = {line.partition("\t")[2]: line.split()[0] for line in tracked.splitlines()}
    ignored = ["git", "check-ignore", "--no-index", ".venv", ".venv-docs", "site", "dist", "var"]
    found = subprocess.run(ignored, cwd=ROOT, capture_output=True, text=True).stdout.split()

    assert [name for name, mode in modes.items() if mode == "120000" or name.startswith((".venv", "var/"))] == []
    assert {".venv", ".venv-docs"} <= set(found)
