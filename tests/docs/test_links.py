"""Every link of a page leads to a file of the tree, and to a heading of it where it names one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, anchors, links, pages


def dead_links(page: Path, text: str) -> list[str]:
    """The links of a page's text that lead nowhere."""
    return [target for target in links(text) if not _is_there(page, text, target)]


def _is_there(page: Path, text: str, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors(file.read_text() if name else text)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page, page.read_text()) == []


@pytest.mark.parametrize(
    "dead",
    [
        "docs/no-such-page.md",
        "docs/how-to/upgrade.md#no-such-heading",
        "#no-such-heading",
        "docs/images/no-such-picture.png",
        "../outside.md",
    ],
)
def test_a_link_that_leads_nowhere_is_found(dead: str) -> None:
    assert dead_links(
        ROOT / "README.md", f"# Title\n\nSee [this]({dead}), [that](docs/how-to/upgrade.md#after) and [here](#title)."
    ) == [dead]


def test_what_is_code_is_no_link() -> None:
    assert links("`[a](b)`\n\n```sh\n[c](d)\n```\n\n[e](f) [g](https://example.com)") == ["f"]
