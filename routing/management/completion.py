"""Scripts by which shells complete `facade`, made from its parser.

Made here: shtab, which does this for argparse, knows bash, zsh and tcsh, and not fish; argcomplete starts the program,
which takes a second, at every Tab.
"""

import shlex
from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Iterator
from typing import NamedTuple


class Word(NamedTuple):
    """Something to type, and what it means."""

    text: str
    help: str


class Place(NamedTuple):
    """What can follow some words. `path` is the words of commands before it, `takes_value` its options with a value."""

    path: tuple[str, ...]
    commands: list[Word]
    options: list[Word]
    takes_value: list[str]
    #: By option, or by the number of an argument from 0 on, the only values that it takes.
    choices: dict[str, list[str]]


def script(shell: str, parser: ArgumentParser) -> str:
    """The script for bash, zsh or fish."""
    return _SHELLS[shell](parser.prog, list(places(parser)))


def places(parser: ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Every place of a command line, the parser's own first."""
    place, below, number = Place(path, [], [], [], {}), {}, 0
    for action in parser._actions:
        if action.help is SUPPRESS and not _subparsers(action):
            continue
        if parsers := _subparsers(action):
            below = parsers
            place.commands.extend(Word(name, _in_short(each.description)) for name, each in parsers.items())
            continue
        names = list(action.option_strings) or [str(number)]
        number += not action.option_strings
        place.options.extend(Word(name, _in_short(action.help)) for name in action.option_strings)
        if action.nargs != 0:
            place.takes_value.extend(action.option_strings)
        if action.choices is not None:
            for name in names:
                place.choices[name] = [str(choice) for choice in action.choices]
    yield place
    for name, each in below.items():
        yield from places(each, (*path, name))


def _subparsers(action: Action) -> dict[str, ArgumentParser]:
    choices = action.choices
    is_parsers = isinstance(choices, dict) and all(isinstance(each, ArgumentParser) for each in choices.values())
    return dict(choices) if is_parsers else {}  # type: ignore[arg-type]


def _in_short(text: str | None) -> str:
    return (text or "").partition(". ")[0].removesuffix(".").partition("\n")[0]


# ---------------------------------------------------------------- bash and zsh
def _bash(program: str, found: list[Place]) -> str:
    """By a `case` of the words so far. https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html"""
    return f"""\
# bash completion for {program}: source this file, or save it as {program} in
# ${{XDG_DATA_HOME:-~/.local/share}}/bash-completion/completions
_{program}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} place='' number=0 skip='' each
    local words='' values=''
    COMPREPLY=()
    for each in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        if [ -n "$skip" ]; then skip=''; continue; fi
        case "$place $each" in
{_cases(found)}
            *' '-*) ;;
            *) number=$((number + 1)) ;;
        esac
    done
    case "$place" in
{_bash_words(found)}
    esac
    case "$place $before" in
{_bash_values(found)}
    esac
    if [ -z "$values" ] && [ -z "$skip" ]; then
        case "$place $number" in
{_bash_arguments(found)}
        esac
    fi
    if [ -n "$values" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
    elif [ -z "$skip" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    fi
}}
complete -F _{program} {program}
"""


def _key(place: Place) -> str:
    return " ".join(place.path)


def _cases(found: list[Place]) -> str:
    lines = []
    for place in found:
        for word in place.commands:
            path = " ".join((*place.path, word.text))
            lines.append(f"            {shlex.quote(f'{_key(place)} {word.text}')}) place={shlex.quote(path)} ;;")
        if place.takes_value:
            patterns = "|".join(shlex.quote(f"{_key(place)} {option}") for option in place.takes_value)
            lines.append(f"            {patterns}) skip=1 ;;")
    return "\n".join(lines)


def _bash_words(found: list[Place]) -> str:
    return "\n".join(
        f"        {shlex.quote(_key(place))}) words={shlex.quote(' '.join(word.text for word in _words(place)))} ;;"
        for place in found
    )


def _words(place: Place) -> list[Word]:
    return place.commands or place.options


def _bash_values(found: list[Place]) -> str:
    return "\n".join(
        f"        {shlex.quote(f'{_key(place)} {name}')}) values={shlex.quote(' '.join(values))} ;;"
        for place in found
        for name, values in place.choices.items()
        if name.startswith("-")
    )


def _bash_arguments(found: list[Place]) -> str:
    return "\n".join(
        f"            {shlex.quote(f'{_key(place)} {name}')}) values={shlex.quote(' '.join(values))} ;;"
        for place in found
        for name, values in place.choices.items()
        if not name.startswith("-")
    )


def _zsh(program: str, found: list[Place]) -> str:
    """With descriptions. https://zsh.sourceforge.io/Doc/Release/Completion-System.html"""
    return f"""\
#compdef {program}
# zsh completion for {program}: save this as _{program} in a folder of $fpath, before compinit
_{program}() {{
    local place='' skip='' each
    local -i number=0
    local -a found=()
    for each in "${{(@)words[2,CURRENT-1]}}"; do
        if [[ -n $skip ]]; then skip=''; continue; fi
        case "$place $each" in
{_cases(found)}
            *' '-*) ;;
            *) number+=1 ;;
        esac
    done
    case "$place ${{words[CURRENT-1]}}" in
{_zsh_values(found, options=True)}
    esac
    [[ -n $skip ]] && return 1
    case "$place $number" in
{_zsh_values(found, options=False)}
    esac
    case "$place" in
{_zsh_words(found)}
    esac
    _describe -t commands {program} found
}}
if [[ $funcstack[1] == _{program} ]]; then _{program} "$@"; else compdef _{program} {program}; fi
"""


def _zsh_values(found: list[Place], *, options: bool) -> str:
    return "\n".join(
        f"        ({shlex.quote(f'{_key(place)} {name}')}) compadd -- {' '.join(map(shlex.quote, values))}; return ;;"
        for place in found
        for name, values in place.choices.items()
        if name.startswith("-") == options
    )


def _zsh_words(found: list[Place]) -> str:
    return "\n".join(
        f"        ({shlex.quote(_key(place))}) found=({' '.join(map(_zsh_word, _words(place)))}) ;;" for place in found
    )


def _zsh_word(word: Word) -> str:
    return shlex.quote(f"{word.text.replace(':', chr(92) + ':')}:{word.help}")


# ---------------------------------------------------------------- fish
def _fish(program: str, found: list[Place]) -> str:
    """A `complete` for each word. https://fishshell.com/docs/current/completions.html"""
    lines = [
        f"# fish completion for {program}: save this as ~/.config/fish/completions/{program}.fish",
        f"complete -c {program} -f",
    ]
    for place in found:
        condition = _fish_condition(place)
        for word in place.commands:
            lines.append(_fish_line(program, condition, f"-a {_fish_quoted(word.text)}", word.help))
        for word in place.options:
            dashes = "-l" if word.text.startswith("--") else "-s"
            what = f"{dashes} {word.text.lstrip('-')}"
            if word.text in place.takes_value:
                what += " -x"
            if word.text in place.choices:
                what += f" -a {_fish_quoted(' '.join(place.choices[word.text]))}"
            lines.append(_fish_line(program, condition, what, word.help))
        for name, values in place.choices.items():
            if not name.startswith("-"):
                lines.append(_fish_line(program, condition, f"-a {_fish_quoted(' '.join(values))}", ""))
    return "\n".join(lines) + "\n"


def _fish_condition(place: Place) -> str:
    seen = [f"__fish_seen_subcommand_from {word}" for word in place.path]
    if place.commands:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(word.text for word in place.commands)}")
    return "; and ".join(seen)


def _fish_line(program: str, condition: str, what: str, help_text: str) -> str:
    described = f" -d {_fish_quoted(help_text)}" if help_text else ""
    return f"complete -c {program} -n {_fish_quoted(condition)} {what}{described}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
SHELLS = tuple(_SHELLS)
