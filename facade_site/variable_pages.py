"""`python -m facade_site.variable_pages`: writes the pages that list the environment variables.

These are `.env.example`, the compose file's part between its markers, and the tables of `docs/reference/settings.md`.
"""

import textwrap
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from facade_site.declarations import Variable
from facade_site.environment import BASE_DIR
from facade_site.variables import declare

_WIDTH = 120
_HEAD = (
    "Every variable that the facade reads, with its default. Copy what you change into `.env`, which both `make run` "
    "and `docker compose up` read; a variable of the process goes before the file. An empty value counts as none. Each "
    "may also be given as NAME_FILE: the path of a file that holds the value (but not {}). Written by "
    "`scripts/variables` from facade_site/variables.py."
)


def env_example(variables: list[Variable], _: str = "") -> str:
    """The text of `.env.example`."""
    without_file = [variable.name for variable in variables if not variable.by_file]
    parts = [_comment(_HEAD.format(", ".join(without_file)))]
    for group, members in _by_group(variables):
        examples = [f"{_comment(variable.about)}#{variable.name}={_example(variable)}\n" for variable in members]
        parts.append(f"# {'-' * 64} {group.lower()}\n" + "\n".join(examples))
    return "\n".join(parts)


def compose_file(variables: list[Variable], before: str) -> str:
    """The compose file, with the variables that it hands on to the app between its markers."""
    lines = [_handed_on(variable) for variable in variables if variable.compose]
    return _between(before, "      # variables: begin\n", "".join(lines), "      # variables: end\n")


def settings_page(variables: list[Variable], before: str) -> str:
    """`docs/reference/settings.md`, with its tables between its markers."""
    return _between(before, "<!-- variables: begin -->\n", _tables(variables), "<!-- variables: end -->\n")


PAGES: dict[str, Callable[[list[Variable], str], str]] = {
    ".env.example": env_example,
    "docker-compose.yml": compose_file,
    "docs/reference/settings.md": settings_page,
}


def _by_group(variables: list[Variable]) -> Iterable[tuple[str, list[Variable]]]:
    return ((group, list(members)) for group, members in groupby(variables, lambda variable: variable.group))


def _comment(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False) + "\n"


def _example(variable: Variable) -> str:
    # A default that is another variable's value is told in words.
    return "" if variable.default.isupper() and variable.default in variable.about else variable.default


def _handed_on(variable: Variable) -> str:
    value = "" if variable.compose == "given" else f"={variable.compose}"
    file = f"      - {variable.name}_FILE\n" if variable.by_file else ""
    return f"      - {variable.name}{value}\n{file}"


def _between(text: str, begin: str, content: str, end: str) -> str:
    before, found, rest = text.partition(begin)
    after = rest.partition(end)[2]
    if not found or end not in rest:
        raise ValueError(f"there is no {begin.strip()} … {end.strip()}")
    return before + begin + content + end + after


def _tables(variables: list[Variable]) -> str:
    head = "| variable | default | expected | what it means |\n|---|---|---|---|\n"
    return "\n".join(f"## {group}\n\n{head}{''.join(map(_row, members))}" for group, members in _by_group(variables))


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else "none"
    about = variable.about.replace("<", "&lt;").replace("|", "\\|")
    return f"| `{variable.name}` | {default} | {variable.expected}{', secret' * variable.secret} | {about} |\n"


def main(folder: Path = BASE_DIR) -> None:
    """Write each page anew."""
    for name, page in PAGES.items():
        path = folder / name
        path.write_text(page(declare.variables, path.read_text()))


if __name__ == "__main__":
    main()
