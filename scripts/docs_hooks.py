"""What MkDocs makes of the pages, beyond what its configuration says.

The pages are written for whoever reads them in the repository too. So their links lead to files of the tree, and their
fenced blocks say behind the language how a test runs them. Here

- pages beside docs/ that the navigation names (the changelog, for instance) become pages of the site;
- links lead to where a file stands on the site. A link to a file that isn't on the site is an error;
- what a block says behind its language is left out;
- the list of decisions is made of their titles;
- a page that takes a script, style, font or picture from another host is an error.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/RESULTS.md")
_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s#]*)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"^(\s*```\w+) .*$", re.MULTILINE)
_FOREIGN = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(?:https?:)?//|<link\b[^>]*rel=\"(?:stylesheet|preload|preconnect|icon)\"[^>]*href=\"(?:https?:)?//"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie beside docs/."""
    for name in BESIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where files stand on the site, and leave out what only the tests read."""
    place = page.file.src_uri

    def lead(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(_in_tree(place)), found[2]))
        on_site = _on_site(target)
        if files.get_file_from_path(on_site) is None:
            raise PluginError(f"{_in_tree(place)}: {found[2]} is not on the site")
        return f"{found[1]}{posixpath.relpath(on_site, posixpath.dirname(place) or '.')}{found[3] or ''}{found[4]}"

    if place == "decisions/README.md":
        markdown += _list_of_decisions(files)
    return _outside_code(_LINK, lead, _FENCE.sub(r"\1", markdown))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that would make its reader's browser ask another host."""
    foreign = _FOREIGN.search(output)
    if foreign:
        raise PluginError(f"{page.file.src_uri}: takes something from another host: {foreign[0]}")
    return output


def _in_tree(uri: str) -> str:
    return uri if uri in BESIDE else f"docs/{uri}"


def _on_site(path: str) -> str:
    if os.path.isdir(ROOT / path):
        path += "/README.md"
    return path if path in BESIDE else path.removeprefix("docs/")


def _outside_code(pattern: re.Pattern[str], replace: "re._typeshed.ReplacementFunc", text: str) -> str:
    parts = re.split(r"(^\s*```.*?^\s*```$|`[^`\n]+`)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if number % 2 else pattern.sub(replace, part) for number, part in enumerate(parts))


def _list_of_decisions(files: Files) -> str:
    records = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    titles = (path.read_text().partition("\n")[0].removeprefix("# ") for path in records)
    rows = "".join(
        f"| {path.name[:4]} | [{title.partition('. ')[2]}]({path.name}) |\n"
        for path, title in zip(records, titles, strict=True)
    )
    return f"\n| number | decision |\n|---|---|\n{rows}"
