"""What an engine can't answer by itself, and for which mappings: carried by each export, and printed by `--report`."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

#: So many names stand in the export; the report has all.
MAX_NAMES = 20


class Why(StrEnum):
    """Reasons, in a sentence. What they are about is handed to the app."""

    SPLIT = "the registry asks for a token: requests with a token are relayed by the app"
    BROKER = "clients get a token for the facade: all that follows the challenge is relayed by the app"
    LISTS = "lists of tags and referrers are relayed by the app"
    PUSH = "pushes are redirected by the app, for the clients whose uploads survive it"
    NAMESPACE = "names of one component at the registry get its namespace from the app"
    ROOT = "the name of the prefix itself leads to no repository: the app says so"
    MOVED = "it was repointed just now: the app asks its former target for what the new one has not got"
    IN_STEPS = "it is repointed step by step: the app knows which of its repositories point elsewhere already"
    PUBLISHED = "it is published: the app asks the registry with an account that no engine has"
    LONG_NAMES = "names grow too much at the registry: the app answers all of them"
    TOO_DEEP = "a prefix has more than eight components: the app answers the whole hostname"
    LONG_MESSAGE = "what clients are told is too long for a configuration: the app says it"
    CATCH_ALL = "it answers for all names, which the app knows"
    VERSIONS = "what this client can depends on its version: the app looks at it, where a client decides"


class Remark(NamedTuple):
    """One reason, and the names that it holds for: of mappings, hostnames or clients."""

    why: Why
    names: tuple[str, ...]


class Remarks:
    """Collects them, by reason."""

    def __init__(self) -> None:
        self._names: dict[Why, set[str]] = {}

    def add(self, why: Why, name: str) -> None:
        """One more name."""
        self._names.setdefault(why, set()).add(name)

    def all(self) -> tuple[Remark, ...]:
        """In the order of the reasons above."""
        return tuple(Remark(why, tuple(sorted(self._names[why]))) for why in Why if why in self._names)


#: Of every engine, whatever the table.
ALWAYS = (
    "the app answers pages, /token, writes, hosts that it alone knows, targets and names of other than the plain form",
    "what an engine refuses to read at all it refuses in its own words",
)


def remark_lines(remarks: Iterable[Remark], own: Iterable[str] = (), most: int = MAX_NAMES) -> list[str]:
    """The remarks as lines of text: names are of the grammar's characters, and of no more than one line each."""
    lines = ["Answered by the app, or otherwise than by it:", *(f"- {text}" for text in (*ALWAYS, *own))]
    for why, names in remarks:
        lines.append(f"- {why.value}:")
        lines += [f"    {name}" for name in names[:most]]
        if len(names) > most:
            lines.append(f"    and {len(names) - most} more: --report names all")
    return lines
