"""Files by which clients go to the registries themselves while a hostname does not answer.

What a file of containerd can say is in its docs/hosts.md, what one of podman can in containers-registries.conf(5).
docs/decisions/0107 says which images fall back, and which on purpose do not.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from routing.core.grammar.hosts import is_loopback
from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.hostnames.hostnames import get_hostname
from routing.services.mappings.image_names import name_here, name_there, upstream_of
from routing.services.mappings.pull_command import authority_of

#: A file names at most so many mappings.
MOST = 1000
_RENAMED = "its repositories are called differently there"
_SAFE = frozenset(chr(number) for number in range(0x21, 0x7F)) - {'"', "\\"}


class Client(StrEnum):
    """Whose file."""

    CONTAINERD = "containerd"
    PODMAN = "podman"


class LeftOut(NamedTuple):
    """A mapping that does not fall back, and why."""

    mapping: str
    why: str


class Fallback(NamedTuple):
    """A file, and where it lies on a client's machine.

    `tags`: whether images named by a tag fall back too, rather than those named by a digest alone.
    """

    hostname: Hostname
    client: Client
    path: str
    text: str
    tags: bool
    left_out: list[LeftOut]


def get_fallback(actor: Actor, hostname_id: int, client: Client) -> Fallback:
    """The file of a client for a hostname's mappings as they are now.

    Raises NotFound, and ServiceError where there is nothing to fall back on, or a file can't say it.
    """
    hostname = get_hostname(actor, hostname_id)
    if hostname.name.startswith("*."):
        raise ServiceError(f"{hostname.name} stands for many names, and a file is for one: add that name as a hostname")
    rows = Mapping.objects.filter(hostname=hostname).select_related("hostname", "registry").order_by("prefix")
    mappings = list(rows[: MOST + 1])
    if len(mappings) > MOST:
        raise ServiceError(f"{hostname.name} has more than {MOST} mappings, too many for a file")
    made = (_containerd if client is Client.CONTAINERD else _podman)(hostname, mappings)
    if len(made.left_out) == len(mappings):
        why = "".join(f": {each.mapping}: {each.why}" for each in made.left_out[:1])
        raise ServiceError(f"no mapping of {hostname.name} can fall back{why}")
    return made


def _containerd(hostname: Hostname, mappings: Sequence[Mapping]) -> Fallback:
    """It asks one address after the other for any name of the host, and changes no name."""
    bases: dict[str, None] = {}
    left_out = []
    for mapping in mappings:
        base, why = _base(mapping)
        if why:
            left_out.append(LeftOut(mapping.source, why))
        else:
            bases[base] = None
    tags = len(bases) == 1 and not left_out
    authority, path = _address(hostname)
    lines = _heading(hostname, path, left_out)
    if tags:
        lines.append(f"# What {hostname.name} refuses is asked for there too, also names that are not mapped.")
    else:
        lines.append(
            "# Only images named by a digest (IMAGE@sha256:...) fall back. The mappings do not all point to one"
        )
        lines.append("# place, and by a tag containerd would take what anybody has under that name at any of them.")
    lines += ["", f"server = {_quoted(authority)}", *_host(authority, ["pull", "resolve"])]
    for base in bases:
        lines += [*_host(base, ["pull", "resolve"] if tags else ["pull"]), "  override_path = true"]
    return Fallback(hostname, Client.CONTAINERD, path, _text(lines), tags, left_out)


def _address(hostname: Hostname) -> tuple[str, str]:
    """Where containerd finds the facade, and the place of its file for that."""
    authority = authority_of(hostname.name)
    return f"{_scheme(hostname)}://{authority}", f"/etc/containerd/certs.d/{authority}/hosts.toml"


def _host(address: str, capabilities: list[str]) -> list[str]:
    listed = ", ".join(map(_quoted, capabilities))
    return ["", f"[host.{_quoted(address)}]", f"  capabilities = [{listed}]"]


def _base(mapping: Mapping) -> tuple[str, str]:
    """What comes before a repository's name of this facade, so that it is the registry's; or why there is none."""
    if why := _why_not(mapping):
        return "", why
    target = upstream_of(mapping)
    if target != mapping.prefix and mapping.prefix and not target.endswith(f"/{mapping.prefix}"):
        return "", _RENAMED
    above = target.removesuffix(mapping.prefix).strip("/")
    return f"{mapping.registry.origin}/v2/{above}".rstrip("/"), ""


def _podman(hostname: Hostname, mappings: Sequence[Mapping]) -> Fallback:
    """It takes the longest prefix of an image's name, asks the mirrors of that first, and then its location."""
    left_out, tables = [], []
    for mapping in mappings:
        here, is_plain = name_here(mapping), _scheme(hostname) == "http"
        if why := _why_not(mapping):
            left_out.append(LeftOut(mapping.source, why))
            # So that a shorter prefix doesn't lead it elsewhere.
            tables += ["", "[[registry]]", f"prefix = {_quoted(here)}", *_location(here, is_plain)]
            continue
        there = name_there(mapping)
        tables += ["", "[[registry]]", f"prefix = {_quoted(here)}"]
        tables += _location(there, mapping.registry.origin.startswith("http://"))
        tables += ["[[registry.mirror]]", *_location(here, is_plain)]
    path = f"/etc/containers/registries.conf.d/{hostname.name}.conf"
    return Fallback(
        hostname, Client.PODMAN, path, _text([*_heading(hostname, path, left_out), *tables]), True, left_out
    )


def _location(location: str, is_plain: bool) -> list[str]:
    return [f"location = {_quoted(location)}", *(["insecure = true"] if is_plain else [])]


def _why_not(mapping: Mapping) -> str:
    if not mapping.enabled:
        return "it is off"
    return "it is published with an account, which clients do not have" if mapping.is_published else ""


def _scheme(hostname: Hostname) -> str:
    return "http" if is_loopback(hostname.name) else "https"


def _heading(hostname: Hostname, path: str, left_out: Sequence[LeftOut]) -> list[str]:
    return [
        f"# {path}",
        f"# Images of {_plain(hostname.name)} come from their registries while it does not answer.",
        "# Made by Registry Facade. Get it anew after a repoint.",
        *(f"# Not {_plain(each.mapping)}: {each.why}." for each in left_out),
    ]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """As a string of TOML."""
    return f'"{_plain(text)}"'


def _plain(text: str) -> str:
    """Itself. Raises ServiceError for what would end a string or a comment; none of these names may have that."""
    if not _SAFE.issuperset(text):
        raise ServiceError(f"{text!a} can't stand in a file")
    return text
