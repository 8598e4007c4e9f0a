"""A script that makes a report clean: what is missing at the candidate, copied with its digest pinned.

For tools that registries' users have: regctl, crane, skopeo; and regsync's file, which keeps both in step until the
switch. What one of them can't copy stands in the script.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from routing.core.grammar.docker_hub import authority_of_origin
from routing.verification.work import BELONGING_TAG


class Tool(StrEnum):
    """What a plan is for."""

    REGCTL = "regctl"
    CRANE = "crane"
    SKOPEO = "skopeo"
    REGSYNC = "regsync"


class Repositories(NamedTuple):
    """A repository at both registries; origins are scheme://host[:port]."""

    old_origin: str
    old_name: str
    new_origin: str
    new_name: str

    @property
    def old(self) -> str:
        """As tools write it."""
        return f"{authority_of_origin(self.old_origin)}/{self.old_name}"

    @property
    def new(self) -> str:
        """As tools write it."""
        return f"{authority_of_origin(self.new_origin)}/{self.new_name}"


class Copy(NamedTuple):
    """Something to copy: what has this digest at the old registry, to the same tag or digest at the new one."""

    repositories: Repositories
    reference: str
    digest: str
    is_referrer: bool = False

    @property
    def destination(self) -> str:
        """The tag, or the digest, under which it is to be there."""
        if self.is_referrer and not BELONGING_TAG.fullmatch(self.reference):
            return f"{self.repositories.new}@{self.digest}"
        joint = "@" if ":" in self.reference else ":"
        return f"{self.repositories.new}{joint}{self.reference}"

    @property
    def source(self) -> str:
        """What to copy, by its digest."""
        return f"{self.repositories.old}@{self.digest}"


_REMARKS = {
    Tool.REGCTL: (
        "regctl copies what belongs to an image along with it: referrers, and the tags of signatures.",
        "To sign in before: regctl registry login HOST",
    ),
    Tool.CRANE: (
        "crane copies no referrers by itself: those that the report names stand below, each by its digest.",
        "Where the new registry has no referrers API, crane does not write their fallback tag; regctl does.",
        "To sign in before: crane auth login HOST",
    ),
    Tool.SKOPEO: (
        "skopeo copies no referrers by itself: those that the report names stand below, each by its digest.",
        "Where the new registry has no referrers API, skopeo does not write their fallback tag; regctl does.",
        "Older ones refuse a fallback tag whose entries name an artifactType; regctl copies it.",
        "To sign in before: skopeo login HOST",
    ),
}


def copy_plan(tool: Tool, title: str, copies: Iterable[Copy], repositories: Sequence[Repositories]) -> str:
    """The script, or for regsync the file. `repositories` are all that were compared, which regsync keeps in step."""
    if tool is Tool.REGSYNC:
        return _regsync(title, repositories)
    wanted = list(dict.fromkeys(copies))
    lines = ["#!/bin/sh", *_comments([title, *_REMARKS[tool]]), "set -u", "failed=0", ""]
    lines += [*_preparation(tool, wanted), _function(tool, wanted), ""]
    lines += [f"copy {shlex.quote(_reference(tool, each.source))} {_destination(tool, each)}" for each in wanted]
    if not wanted:
        lines.append("echo 'nothing has to be copied'")
    return "\n".join([*lines, "", 'exit "$failed"', ""])


def _function(tool: Tool, copies: list[Copy]) -> str:
    command = {
        Tool.REGCTL: "regctl image copy --referrers --digest-tags",
        Tool.CRANE: "crane copy",
        Tool.SKOPEO: "skopeo copy --all --preserve-digests --retry-times 3",
    }[tool]
    if tool is Tool.CRANE and any(_plain_hosts(copies)):
        command += " --insecure"
    if tool is Tool.SKOPEO:
        command += "".join(_skopeo_options(copies))
    return f'copy() {{ {command} "$1" "$2" || {{ echo "not copied: $1" >&2; failed=1; }}; }}'


def _skopeo_options(copies: list[Copy]) -> Iterable[str]:
    if any(each.repositories.old_origin.startswith("http://") for each in copies):
        yield " --src-tls-verify=false"
    if any(each.repositories.new_origin.startswith("http://") for each in copies):
        yield " --dest-tls-verify=false"


def _preparation(tool: Tool, copies: list[Copy]) -> list[str]:
    if tool is not Tool.REGCTL:
        return []
    return [f"regctl registry set --tls disabled {shlex.quote(host)}" for host in _plain_hosts(copies)]


def _plain_hosts(copies: list[Copy]) -> list[str]:
    origins = [origin for each in copies for origin in (each.repositories.old_origin, each.repositories.new_origin)]
    return list(dict.fromkeys(authority_of_origin(origin) for origin in origins if origin.startswith("http://")))


def _destination(tool: Tool, copy: Copy) -> str:
    return shlex.quote(_reference(tool, copy.destination))


def _reference(tool: Tool, name: str) -> str:
    return f"docker://{name}" if tool is Tool.SKOPEO else name


def _regsync(title: str, repositories: Sequence[Repositories]) -> str:
    """A configuration of regsync (regclient). Each text is written as JSON, which YAML takes as it is."""
    wanted = list(dict.fromkeys(repositories))
    origins = [origin for each in wanted for origin in (each.old_origin, each.new_origin)]
    plain = list(dict.fromkeys(authority_of_origin(origin) for origin in origins if origin.startswith("http://")))
    remarks = [title, "Keeps both in step until the switch: regsync server -c FILE; once: regsync once -c FILE"]
    lines = [*_comments(remarks), "version: 1"]
    if plain:
        lines.append("creds:")
        for host in plain:
            lines += [f"  - registry: {json.dumps(host)}", "    tls: disabled"]
    lines.append("sync:" if wanted else "sync: []")
    for each in wanted:
        lines += [
            f"  - source: {json.dumps(each.old)}",
            f"    target: {json.dumps(each.new)}",
            "    type: repository",
            "    interval: 15m",
            "    referrers: true",
            "    digestTags: true",
        ]
    return "\n".join([*lines, ""])


def _comments(lines: Iterable[str]) -> list[str]:
    """Comments, each in one line, whatever somebody has called something."""
    return [f"# {''.join(c if c.isprintable() else ' ' for c in line)}" for line in lines]
