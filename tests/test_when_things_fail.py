"""The two pages on what goes wrong quote log lines, answers, metrics, settings and commands: the code has each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from routing.dataplane.telemetry.metrics import registry
from routing.management import commands
from routing.table.change_log import LoadReason

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/how-to/when-things-fail.md"
TEXT = PAGE.read_text()
DENIED = (ROOT / "docs/how-to/why-am-i-denied.md").read_text()
QUOTED = [
    line
    for block in re.findall(r"```(?:log|answer)\n(.*?)```", TEXT + DENIED, re.DOTALL)
    for line in block.splitlines()
]
#: Before a reason, which is a text of its own.
_BECAUSE = "the backing registry gave no usable answer: "
#: How many letters of a text in the code have to be its own, for a quotation to be of it.
_LETTERS = 7


@cache
def texts() -> tuple[re.Pattern[str], ...]:
    """Every text in the code, with something to be filled in wherever that is so."""
    sources = [path for folder in ("routing", "facade_site") for path in (ROOT / folder).rglob("*.py")]
    found = {
        text for path in sources if "migrations" not in path.parts for text in _texts_of(ast.parse(path.read_text()))
    }
    return tuple(re.compile(text) for text in found if len(re.sub(r"\\.|\.\+|\W", "", text)) >= _LETTERS)


def _texts_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(_pattern(part) for part in node.values)
        elif isinstance(node, ast.Constant):
            yield _pattern(node)


def _pattern(part: ast.expr) -> str:
    if not isinstance(part, ast.Constant):
        return ".+"
    if not isinstance(part.value, str):
        return ""
    return re.sub(r"%[\\.0-9]*[sdf]", ".+", re.escape(part.value).replace(r"\%", "%"))


def is_said(quoted: str) -> bool:
    """Whether the code says so."""
    return any(pattern.fullmatch(quoted) for pattern in texts())


@pytest.mark.parametrize("line", QUOTED)
def test_each_line_that_it_quotes_is_one_of_the_code(line: str) -> None:
    assert is_said(line)
    assert is_said(line.removeprefix(_BECAUSE))


@pytest.mark.parametrize(
    "made_up", ["the database went forward in time; going on", "database unreachable; everything stops: OSError"]
)
def test_what_nobody_says_is_found(made_up: str) -> None:
    assert not is_said(made_up)


def test_the_metrics_that_it_names_are_told() -> None:
    made_for_each_answer = (ROOT / "routing/dataplane/views/metrics.py").read_text()
    known = {f"{family.name}_total" if family.type == "counter" else family.name for family in registry.collect()}
    known |= set(re.findall(r'"(facade_[a-z_]+)"', made_for_each_answer))
    named = set(re.findall(r"\b(facade_[a-z_]+)\b", TEXT))

    assert named
    assert named <= known
    assert set(re.findall(r'loads_total\{reason="([^"]+)"\}', TEXT)) <= set(LoadReason)


def test_the_settings_that_it_names_are_read() -> None:
    settings = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert set(re.findall(r"`(FACADE_[A-Z_]+|DATABASE_URL|SECRET_KEY)`", TEXT + DENIED)) <= settings


def test_the_commands_that_it_names_are_there() -> None:
    ours = {path.stem for path in (Path(str(commands.__file__)).parent).glob("*.py")}

    assert set(re.findall(r"manage\.py ([a-z_]+)", TEXT + DENIED)) - {"migrate", "check"} <= ours


def test_every_entry_is_found_by_what_one_sees_and_every_link_leads_to_one() -> None:
    entries = {
        re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-") for title in re.findall("^## (.*)$", TEXT, re.M)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) == entries


def test_other_pages_lead_here() -> None:
    for page in ("README.md", "docs/how-to/going-live.md"):
        assert "when-things-fail.md)" in (ROOT / page).read_text(), page
