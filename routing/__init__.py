"""The facade itself: tables, verbs, the admin over them, and the data plane that answers registry clients."""

import re
from pathlib import Path

#: The product's version (https://peps.python.org/pep-0440/). pyproject.toml says the same.
__version__ = "0.1.0"

_HERE = Path(__file__).resolve().parent
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


def _revision() -> str:
    """The commit of which these files are a copy: a release and its image say it, else git's folder does; "" if none.

    An image has a file that its build writes. In an archive git itself has filled the file in (gitattributes(5),
    export-subst).
    """
    try:
        told = (_HERE / "revision").read_text().strip()
        return told if _COMMIT.fullmatch(told) else _checked_out(_HERE.parent / ".git")
    except (OSError, ValueError):
        return ""


def _checked_out(folder: Path) -> str:
    """What HEAD stands for, as gitrepository-layout(5) has it. Raises OSError."""
    if folder.is_file():
        # A worktree's.
        folder = folder.parent / folder.read_text().removeprefix("gitdir:").strip()
    head = (folder / "HEAD").read_text().strip()
    if not head.startswith("ref: "):
        return head if _COMMIT.fullmatch(head) else ""
    shared = folder / "commondir"
    common = folder / shared.read_text().strip() if shared.exists() else folder
    name = head.removeprefix("ref: ")
    if (common / name).exists():
        return (common / name).read_text().strip()
    packed = (line.split(" ") for line in (common / "packed-refs").read_text().splitlines())
    return next((line[0] for line in packed if line[1:] == [name]), "")


#: The commit of these files when the process began; "" where nobody knows.
__revision__ = _revision()
