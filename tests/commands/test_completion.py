"""The completion scripts: bash's and the others', where there is such a shell, in the shells themselves."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from routing.management.commands.facade import command_parser
from routing.management.completion import SHELLS, places, script

PARSER = command_parser()
NOUNS = {"mapping", "hostname", "registry", "tenant", "member", "token"}


def completed(line: str, tmp_path: Path) -> list[str]:
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    file = tmp_path / "facade"
    file.write_text(script("bash", PARSER))
    shell = (
        f"set -u; source {shlex.quote(str(file))}; COMP_WORDS=({' '.join(map(shlex.quote, words))}); "
        f'COMP_CWORD={len(words) - 1}; _facade; printf "%s\\n" "${{COMPREPLY[@]:-}}"'
    )
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("facade map", {"mapping"}),
        ("facade ", NOUNS | {"explain", "probe", "check-table", "version", "completion"}),
        ("facade mapping re", {"repoint", "remove"}),
        ("facade mapping add --re", {"--redirect-only", "--reason"}),
        ("facade member invite acme a@b.c --role ", {"owner", "operator", "viewer"}),
        ("facade member invite acme a@b.c --role=", set()),
        ("facade member set-role acme alice o", {"owner", "operator"}),
        ("facade completion ", {"bash", "zsh", "fish"}),
        ("facade registry list --tenant ", set()),
        ("facade registry list --tenant acme --j", {"--json"}),
        # The value of an option is no argument, and no command.
        ("facade member set-role --reason mapping acme alice v", {"viewer"}),
        ("facade explain docker.acme.com/acme/app --cl", {"--client"}),
    ],
)
def test_bash_offers_what_may_follow(line: str, offered: set[str], tmp_path: Path) -> None:
    found = set(completed(line, tmp_path))

    assert found >= offered
    if offered == set() or not line.endswith(" ") or "--role" in line:
        assert found == offered


def test_options_of_the_verb_are_offered_and_of_no_other(tmp_path: Path) -> None:
    found = set(completed("facade mapping list ", tmp_path))

    assert {"--json", "--tenant", "--hostname"} <= found
    assert "--reason" not in found
    # The former name of an option is taken, not offered.
    assert "--shell" not in completed("facade mapping add --", tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_place_of_the_command_line_is_in_the_script(shell: str) -> None:
    text = script(shell, PARSER)

    for place in places(PARSER):
        for word in (*place.commands, *place.options):
            name = word.text.lstrip("-") if shell == "fish" else word.text
            assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text), word


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("facade ", NOUNS | {"explain", "completion"}),
        ("facade mapping re", {"repoint", "remove"}),
        ("facade mapping add --re", {"--redirect-only", "--reason"}),
        ("facade member invite acme a@b.c --role ", {"owner", "operator", "viewer"}),
        ("facade member set-role --reason mapping acme alice ", {"owner", "operator", "viewer"}),
        ("facade completion ", {"bash", "zsh", "fish"}),
    ],
)
class TestOtherShells:
    def test_fish(self, line: str, offered: set[str], tmp_path: Path) -> None:
        file = tmp_path / "facade.fish"
        file.write_text(script("fish", PARSER))
        # A command that isn't there is not completed.
        shell = f"function facade; end; source {shlex.quote(str(file))}; complete -C {shlex.quote(line)}"

        said = run("fish", "--no-config", "-c", shell)

        assert {each.partition("\t")[0] for each in said.splitlines()} >= offered

    def test_zsh(self, line: str, offered: set[str], tmp_path: Path) -> None:
        """In a shell without a terminal, in which the words go to functions of these names."""
        file = tmp_path / "_facade"
        file.write_text(script("zsh", PARSER))
        words = [shlex.quote(word) for word in line.split(" ")]
        shell = (
            "compdef() { :; }; compadd() { shift; print -l -- $@; }; _describe() { print -l -- ${${(P)4}%%:*}; }; "
            f"source {shlex.quote(str(file))}; words=({' '.join(words)}); CURRENT={len(words)}; _facade"
        )

        assert set(run("zsh", "-f", "-c", shell).split()) >= offered


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_program_prints_it() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [str(root / "facade"), "completion", "bash"],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "facade_site.settings_test"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert done.stdout == script("bash", PARSER).rstrip("\n") + "\n"
