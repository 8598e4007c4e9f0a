"""Token scopes: `repository:acme/app:pull,push`, `repository(plugin):acme/app:pull`, `registry:catalog:*`.

Grammar: "Token Scope Documentation" of the CNCF distribution project.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace

# A resource name may hold colons (a host's port): the type ends at the first colon, the actions begin at the last.
_SCOPE = re.compile(
    r"(?P<type>[a-z0-9]+)(?:\((?P<class>[a-z0-9]+)\))?:(?P<name>[\x21-\x7e]+):(?P<actions>[a-z0-9_*,-]+)"
)


class InvalidScope(ValueError):
    """Text that is no token scope. The message does not repeat it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is good for: a resource by type, optional class and name, and the actions on it, in order."""

    type: str
    name: str
    actions: tuple[str, ...]
    resource_class: str | None = None

    @property
    def is_repository(self) -> bool:
        """Whether it is about a repository, of whatever class."""
        return self.type == "repository"

    def __str__(self) -> str:
        resource_class = f"({self.resource_class})" if self.resource_class else ""
        return f"{self.type}{resource_class}:{self.name}:{','.join(self.actions)}"


def parse_scopes(values: str | Iterable[str]) -> tuple[Scope, ...]:
    """Read scopes, space-separated, repeated or both, in order and each once. Raises `InvalidScope`."""
    texts = (values,) if isinstance(values, str) else values
    scopes = (_parse_scope(word) for text in texts for word in text.split(" ") if word)
    return tuple(dict.fromkeys(scopes))


def format_scopes(scopes: Iterable[Scope]) -> str:
    """All of them in one space-separated text, as in a challenge or an OAuth2 form (RFC 6749 §3.3)."""
    return " ".join(str(scope) for scope in scopes)


def repository_scope(name: str, *actions: str) -> Scope:
    """The scope for actions on a repository, `pull` when none are given."""
    return Scope("repository", name, actions or ("pull",))


def rewrite(scopes: Iterable[Scope], rename: Callable[[str], str | None]) -> tuple[Scope, ...]:
    """Give each repository scope the name that `rename` makes of its own; where that is None, leave the scope out.

    Scopes about other things stay as they are.
    """
    renamed = ((scope, rename(scope.name) if scope.is_repository else scope.name) for scope in scopes)
    return tuple(replace(scope, name=name) for scope, name in renamed if name is not None)


def without_mirrored(scopes: Iterable[Scope], is_known: Callable[[str], bool]) -> tuple[Scope, ...]:
    """The scopes that are meant, of those that containerd asks for at a mirror.

    There it asks for the repository by its own name and by the one that it has under the mirror's path, both at once
    (`repository:library/alpine:pull repository:mirror/library/alpine:pull`; containerd/containerd#9648, #8415). So
    where a known name ends in `/` and another's whole name, the other is not meant.
    """
    given = tuple(scopes)
    meant = {scope.name for scope in given if scope.is_repository}
    lengths = {len(name) for name in meant}
    mirrored = {
        end
        for scope in given
        if scope.is_repository and "/" in scope.name and is_known(scope.name)
        for end in _ends(scope.name, lengths)
        if end in meant
    }
    return tuple(scope for scope in given if not (scope.is_repository and scope.name in mirrored))


def _ends(name: str, lengths: Container[int]) -> Iterator[str]:
    """What stands behind each `/` of a name, where it is so long."""
    slash = name.find("/")
    while slash >= 0:
        if len(name) - slash - 1 in lengths:
            yield name[slash + 1 :]
        slash = name.find("/", slash + 1)


def _parse_scope(text: str) -> Scope:
    match = _SCOPE.fullmatch(text)
    if match is None:
        raise InvalidScope("a scope must have the form type:name:action[,action]")
    actions = tuple(dict.fromkeys(action for action in match["actions"].split(",") if action))
    if not actions:
        raise InvalidScope("a scope must name an action")
    return Scope(match["type"], match["name"], actions, match["class"])
