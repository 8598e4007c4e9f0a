"""What `make docs` would refuse, and takes no minute to find out: the navigation, and what comes from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.docs.pages import DOCS, ROOT, links

CONFIGURATION = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def named(entries: list[dict[str, Any]]) -> Iterator[str]:
    """The pages that a part of the navigation names, in order."""
    for entry in entries:
        for place in entry.values():
            yield from [place] if isinstance(place, str) else named(place)


def beside_docs() -> set[str]:
    """The pages that the hooks bring onto the site from beside docs/."""
    listed = re.search(r"^BESIDE = \((.*?)\)$", (ROOT / "scripts/docs_hooks.py").read_text(), re.MULTILINE | re.DOTALL)
    assert listed is not None
    return set(re.findall(r'"([^"]+)"', listed[1]))


def test_every_page_stands_once_in_the_navigation() -> None:
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    decisions = {page for page in pages if re.match(r"decisions/\d", page)}

    assert sorted(named(CONFIGURATION["nav"])) == sorted(pages - decisions | beside_docs())


def test_what_operators_need_first_comes_first() -> None:
    guides = next(entry["How-to"] for entry in CONFIGURATION["nav"] if "How-to" in entry)

    assert [next(iter(entry.values())) for entry in guides[:2]] == ["how-to/going-live.md", "how-to/tenants.md"]


def test_links_of_pages_lead_to_pages_of_the_site() -> None:
    on_site = {DOCS / page for page in named(CONFIGURATION["nav"])} | {ROOT / name for name in beside_docs()}
    sources = [*DOCS.rglob("*.md"), *(ROOT / name for name in beside_docs())]
    for source in sources:
        for target in links(source.read_text()):
            file = (source.parent / target.partition("#")[0]).resolve() if target[0] != "#" else source
            file = file / "README.md" if file.is_dir() else file
            is_decision = file.parent == DOCS / "decisions"
            assert file in on_site or is_decision or file.suffix in (".png", ".json"), (
                f"{source}: {target} is not on the site"
            )


def test_the_build_is_strict_and_nothing_comes_from_elsewhere() -> None:
    checks = CONFIGURATION["validation"]

    assert CONFIGURATION["theme"]["font"] is False
    assert set(checks["nav"].values()) | set(checks["links"].values()) == {"warn"}
    # With --quiet MkDocs forgets to count the warnings at which it is to stop.
    assert re.findall(r"mkdocs build (.*)$", (ROOT / "scripts/docs").read_text(), re.MULTILINE) == ["--strict --clean"]
    # The theme would load its program for diagrams from another host.
    assert [path for path in DOCS.rglob("*.md") if "```mermaid" in path.read_text()] == []
