"""`facade` within this process: what it printed, and its exit status."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any, NamedTuple

from django.core.management import CommandError, call_command

from routing.management.commands.facade import Command


class Done(NamedTuple):
    """What a call came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document that was printed."""
        return json.loads(self.out)


def facade(*words: str) -> Done:
    """Call it with these words."""
    out, err = StringIO(), StringIO()
    command = Command(stdout=out, stderr=err)
    try:
        call_command(command, *words, stdout=out, stderr=err)
    except CommandError as error:
        return Done(error.returncode, out.getvalue(), f"{err.getvalue()}{error}")
    return Done(command.status, out.getvalue(), err.getvalue())
