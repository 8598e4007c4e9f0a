"""docs/reference/commands.md says what the commands say."""

from __future__ import annotations

from facade_site.command_pages import PAGE, page
from routing.management.commands.facade import command_parser


def test_it_is_as_scripts_commands_writes_it() -> None:
    assert PAGE.read_text() == page(command_parser(), PAGE.read_text()), "run scripts/commands"


def test_every_verb_has_a_section() -> None:
    text = PAGE.read_text()

    assert "\n### facade mapping repoint\n" in text
    assert "\n## facade explain\n" in text
    assert "`--redirect-only`" in text
    # The former name of an option.
    assert "--shell" not in text
