"""architecture.md says which room imports which, and the code does so: neither can change without the other."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
#: Folders that are one room with the folder above: one noun, or one command, a file.
ONE_WITH_ITS_PARENT = ("api.routers", "management.commands")
#: Modules that stand beside the rooms.
BESIDE = ("conf", "crypto", "request_id", "priority", "apps")


def imports_between_rooms() -> dict[str, set[str]]:
    """Each room, and the rooms that its modules import anywhere, in functions too."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "routing").rglob("*.py")):
        parts = path.relative_to(ROOT / "routing").with_suffix("").parts
        if parts[0] in ("migrations", "templatetags", *BESIDE, "__init__"):
            continue
        room = room_of(".".join(parts).removesuffix(".__init__"))
        found[room] |= {other for other in map(room_of, imported_by(path)) if other not in (room, "", *BESIDE)}
    return {room: rooms for room, rooms in found.items() if rooms or has_code(room)}


def has_code(room: str) -> bool:
    folder = ROOT / "routing" / room.replace(".", "/")
    return any(path.stem != "__init__" for path in folder.glob("*.py"))


def imported_by(path: Path) -> Iterator[str]:
    """The names below `routing` that a file imports, as far as they name modules or packages."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "routing":
            yield from (f"{node.module}.{alias.name}".partition(".")[2] for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("routing."))


def room_of(name: str) -> str:
    """The innermost folder that a dotted name below `routing` lies in; the module's own name beside the rooms."""
    if name.split(".")[0] in BESIDE:
        return name.split(".")[0]
    parts = name.split(".")
    while parts and not (ROOT.joinpath("routing", *parts) / "__init__.py").exists():
        parts.pop()
    room = ".".join(parts)
    return room.rpartition(".")[0] if room in ONE_WITH_ITS_PARENT else room


def rooms_of_the_page() -> dict[str, set[str]]:
    table = PAGE.read_text().partition("<!-- rooms: begin -->")[2].partition("<!-- rooms: end -->")[0]
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `")]
    return {re.findall(r"`([^`]+)`", room)[0]: set(re.findall(r"`([^`]+)`", imports)) for room, _, imports in rows}


def test_the_page_says_what_imports_what() -> None:
    assert rooms_of_the_page() == imports_between_rooms()


def where_changes_go() -> list[tuple[str, list[str]]]:
    """Each kind of change, and what the page names in its answer."""
    table = PAGE.read_text().partition("## Where a change goes\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| ")][1:]
    return [(what.strip(), re.findall(r"`([^`]+)`", where)) for what, where in rows]


@pytest.mark.parametrize(
    ("what", "named"), where_changes_go(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_where_a_change_goes_is_there(what: str, named: list[str]) -> None:
    names = [name for name in named if re.fullmatch(r"\w+", name)]
    places = [next(iter(places_of(name)), None) for name in named if "/" in name]
    texts = [place.read_text() for place in places if place is not None and place.is_file()]

    assert places
    assert None not in places
    assert [name for name in names if not any(name in text for text in texts)] == []


def places_of(name: str) -> list[Path]:
    return [path for path in (ROOT / name, ROOT / "routing" / name) if path.exists()]


def test_no_two_rooms_import_each_other_round_about() -> None:
    rooms = imports_between_rooms()
    left = dict(rooms)
    while free := [room for room, imports in left.items() if not imports & left.keys()]:
        for room in free:
            del left[room]

    assert left == {}


def test_every_module_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", PAGE.read_text()))
    folders = (ROOT, ROOT / "routing", ROOT / "routing" / "dataplane")

    assert len(named) > 30
    assert [name for name in sorted(named) if not any((folder / name).is_file() for folder in folders)] == []


def test_every_module_that_the_glossary_names_is_there() -> None:
    named = re.findall(
        r"\| `([^`]+)` \|$", (ROOT / "docs" / "reference" / "glossary.md").read_text(), flags=re.MULTILINE
    )

    assert len(named) > 30
    assert [name for name in named if not (ROOT / "routing" / name).exists()] == []
