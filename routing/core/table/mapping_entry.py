"""A mapping's entry in the routing table, and the one string in which the table holds it.

A million mappings stand in every worker's memory. As an object with three fields each would cost some 130 bytes beside
its key; as one string it costs half of that, and where both sides have the same prefix, as most have, nothing: those
strings are shared. Nor does the collector ever look at strings.
"""

from collections.abc import Iterable
from enum import IntFlag
from sys import intern
from typing import NamedTuple
from urllib.parse import quote, unquote

from routing.core.table.former_target import FormerTarget
from routing.core.table.step import parse_step


class Flag(IntFlag):
    """What a mapping says of itself, packed, so that a mapping stays small."""

    ENABLED = 1
    ALLOW_PUSH = 2
    PRIVATE = 4
    REDIRECT_ONLY = 8
    # Its prefix is a repository that has another name at the registry, as a probe found: alpine is library/alpine.
    NAME_DIFFERS = 16
    # Everybody gets what its account may read. (32 is taken by usages.)
    PUBLISH = 64


class MappingEntry(NamedTuple):
    """Where one prefix of one hostname leads: the registry's key, the prefix there, and `Flag`s added up.

    `challenge` is what the repositories there ask for by themselves, where their registry's ping asks for nothing:
    `basic`, or `bearer`, realm and service. Empty where that isn't known, or isn't so. `former` is where it led before,
    packed (former_target.py); empty but for some time after a repoint. `notice` is its word to those who pull.
    `account` is the sealed one with which it is published (registries/auth/accounts.py). `step` is the part of its
    repositories that leads elsewhere already, packed (step.py); empty but while it is repointed step by step.
    """

    registry: str
    upstream_prefix: str
    flags: int
    challenge: str = ""
    former: str = ""
    notice: str = ""
    account: str = ""
    step: str = ""


#: What a mapping's flags say of where it leads, rather than of how.
OF_THE_TARGET = Flag.PRIVATE.value | Flag.NAME_DIFFERS.value | Flag.PUBLISH.value
# Where somebody's credentials may come along: nobody's reach another registry by a step.
_TAKES_CREDENTIALS = Flag.PRIVATE.value | Flag.PUBLISH.value | Flag.ALLOW_PUSH.value
# All flags together, those of usages included, are 127 at most: this gives characters that are no blank and no slash.
_NO_FLAGS = ord("0")
# What a NamedTuple's constructor does in the end, in half the time.
_new = tuple.__new__


def mapping_key(host: str, prefix: str) -> str:
    """The key of a mapping; a hostname holds no slash, so that it can't be mistaken."""
    return f"{host}/{prefix}"


def encode(prefix: str, entry: MappingEntry) -> str:
    """The entry of the mapping of `prefix`, in one string.

    A character of flags, the registry's key, and `/` with the upstream prefix, left out where it is the mapping's own.
    A challenge follows behind a space, which no prefix holds, percent-encoded, and so do a former target, a notice,
    an account and a step, each behind another one; few mappings have any.
    """
    registry, upstream_prefix, flags, challenge, former, notice, account, step = entry
    head = chr(_NO_FLAGS + flags) + registry
    if former or notice or account or step:
        tail = " ".join(map(quote, (challenge, former, notice, account, step))).rstrip(" ")
        return f"{head}/{upstream_prefix} {tail}"
    if challenge:
        return f"{head}/{upstream_prefix} {quote(challenge)}"
    return intern(head) if upstream_prefix == prefix else f"{head}/{upstream_prefix}"


def decode(prefix: str, packed: str) -> MappingEntry:
    """The entry again. A registry's key holds no slash."""
    head, slash, upstream_prefix = packed.partition("/")
    if not slash:
        return _new(MappingEntry, (head[1:], prefix, ord(head[0]) - _NO_FLAGS, "", "", "", "", ""))
    upstream_prefix, _, more = upstream_prefix.partition(" ")
    flags = ord(head[0]) - _NO_FLAGS
    if not more:
        return _new(MappingEntry, (head[1:], upstream_prefix, flags, "", "", "", "", ""))
    challenge, _, more = more.partition(" ")
    former, _, more = more.partition(" ")
    notice, _, more = more.partition(" ")
    account, _, step = more.partition(" ")
    rare = (unquote(challenge), unquote(former), unquote(notice), unquote(account), unquote(step))
    return _new(MappingEntry, (head[1:], upstream_prefix, flags, *rare))


def entry_at_step(entry: MappingEntry, name: str | None = None) -> MappingEntry | None:
    """The entry as it is for the repositories that its step takes; None where there is no step that counts.

    With the `name` of one, below the hostname: None where it is not among them. For content that is missing there, the
    former target is where the others lead.
    """
    step = parse_step(entry.step)
    if step is None or entry.flags & _TAKES_CREDENTIALS or (name is not None and not step.takes(name)):
        return None
    former = FormerTarget(step.until, entry.registry, entry.upstream_prefix).packed() if step.until else ""
    flags = entry.flags & ~OF_THE_TARGET
    return MappingEntry(step.registry, step.upstream_prefix, flags, "", former, entry.notice)


def intern_all(mappings: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Packed mappings that were read from somewhere, with one object for all equal ones, as `pack` has it."""
    for key, packed in mappings:
        yield key, packed if "/" in packed else intern(packed)
