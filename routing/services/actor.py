"""Who does it. Imports nothing of ours."""

import getpass
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Actor:
    """Whoever calls a verb: a person who is signed in, somebody at the command line, or the program itself.

    `platform`: may do everything. `label` is what the history shows.
    """

    label: str
    user: Any = None
    platform: bool = False

    @classmethod
    def person(cls, user: Any) -> "Actor":
        """A signed-in user; a superuser is an operator of the platform."""
        return cls(user.get_username(), user, platform=bool(user.is_active and user.is_superuser))

    @classmethod
    def command_line(cls) -> "Actor":
        """Whoever may run commands on this machine: they hold the database anyway."""
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # A container's user often has no name.
            name = "unnamed"
        return cls(f"command line: {name}", platform=True)

    @classmethod
    def program(cls, part: str) -> "Actor":
        """A part of this program, acting on its own."""
        return cls(f"program: {part}", platform=True)
