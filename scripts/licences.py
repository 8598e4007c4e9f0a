"""`python scripts/licences.py REQUIREMENTS PAGE`: the licence of each pinned package that is installed, as a page."""

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_HEAD = """# Licences

Registry Facade is under the MIT licence, which stands in the file `LICENSE`. These packages are installed with it, and
are in its image. `make licences` writes this page from the packages' own metadata. A test fails where a package is
missing here.

| package | licence |
|---|---|
"""
_CLASSIFIER = "License :: OSI Approved :: "
#: What may be handed on together with MIT code. Anything else is for people to judge.
_KNOWN = re.compile(
    r"MIT|BSD|ISC|Apache|Python Software Foundation|PSF|MPL|Mozilla Public|LGPL|Lesser General|0BSD|Unlicense",
    re.IGNORECASE,
)


def pinned(requirements: str) -> list[str]:
    """The names of the packages that a list of pins asks for on a platform such as this one."""
    entries = re.findall(r"^([A-Za-z0-9][^\n]*?==[^\n]*?) *\\?$", requirements, re.MULTILINE)
    wanted = [entry for entry in map(Requirement, entries) if entry.marker is None or entry.marker.evaluate()]
    return sorted({canonicalize_name(entry.name) for entry in wanted})


def licence_of(package: str) -> str:
    """What the installed package says its licence is, in a few words; "" where it says nothing or isn't installed."""
    try:
        said = metadata(package)
    except PackageNotFoundError:
        return ""
    classifiers = [
        text.removeprefix(_CLASSIFIER) for text in said.get_all("Classifier", []) if text.startswith(_CLASSIFIER)
    ]
    short = (said.get("License") or "").strip()
    return said.get("License-Expression") or ", ".join(classifiers) or (short if "\n" not in short else "")


def page(licences: dict[str, str]) -> str:
    """The page's text."""
    return _HEAD + "".join(f"| {name} | {licence or 'not said'} |\n" for name, licence in licences.items())


def main(requirements: str, target: str) -> int:
    """Write the page; gives 1 where a licence has to be looked at."""
    licences = {name: licence_of(name) for name in pinned(Path(requirements).read_text())}
    Path(target).write_text(page(licences))
    doubtful = [
        f"{name}: {licence or 'says nothing, or is not installed here'}"
        for name, licence in licences.items()
        if not _KNOWN.search(licence)
    ]
    print(
        "\n".join(doubtful) if doubtful else f"{len(licences)} packages, all under a known licence.",
        file=sys.stderr if doubtful else sys.stdout,
    )
    return bool(doubtful)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
