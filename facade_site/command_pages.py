"""`python -m facade_site.command_pages`: writes what `--help` says into `docs/reference/commands.md`."""

import os
from argparse import SUPPRESS, Action, ArgumentParser, HelpFormatter
from pathlib import Path

import django

from facade_site.environment import BASE_DIR

PAGE = BASE_DIR / "docs" / "reference" / "commands.md"
_BEGIN, _END = "<!-- commands: begin -->\n", "<!-- commands: end -->\n"
_WIDTH = 100


def page(parser: ArgumentParser, before: str) -> str:
    """The text of the page, with its sections between their markers."""
    head, found, rest = before.partition(_BEGIN)
    if not found or _END not in rest:
        raise ValueError(f"there is no {_BEGIN.strip()} … {_END.strip()}")
    return head + _BEGIN + "\n".join(_sections(parser)) + _END + rest.partition(_END)[2]


def _sections(parser: ArgumentParser) -> list[str]:
    sections = []
    for _, below in _parsers(parser):
        verbs = _parsers(below)
        sections.append(f"## {below.prog}\n\n{below.description if verbs else _arguments(below)}\n")
        sections += [f"### {each.prog}\n\n{_arguments(each)}\n" for _, each in verbs]
    return sections


def _parsers(parser: ArgumentParser) -> list[tuple[str, ArgumentParser]]:
    choices = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    return [pair for each in choices for pair in each.items()]


def _arguments(parser: ArgumentParser) -> str:
    usage = HelpFormatter(parser.prog, width=_WIDTH)
    usage.add_usage(None, parser._actions, parser._mutually_exclusive_groups, "")
    rows = [_row(action) for action in parser._actions if action.help is not SUPPRESS and action.dest != "help"]
    table = "\n\n| argument | meaning |\n|---|---|\n" + "\n".join(rows) if rows else ""
    return f"{parser.description}\n\n```text\n{usage.format_help().strip()}\n```{table}"


def _row(action: Action) -> str:
    takes = "" if action.nargs == 0 else f" {action.metavar or ' or '.join(map(str, action.choices or ()))}"
    names = ", ".join(f"`{name}{takes}`" for name in action.option_strings) or f"`{action.metavar}`"
    return f"| {names} | {(action.help or '').replace('|', chr(92) + '|')} |"


def main(path: Path = PAGE) -> None:
    """Write the page anew."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    django.setup()
    from routing.management.commands.facade import command_parser

    path.write_text(page(command_parser(), path.read_text()))


if __name__ == "__main__":
    main()
