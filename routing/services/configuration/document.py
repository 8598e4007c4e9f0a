"""What a configuration's document says, in version 1: the classes are its schema, and so are their defaults.

A document holds no secret, and nothing that was found out: no probe's finding, no proof, no member, no token. What a
row is known by (a registry's origin, a tenant's slug, a hostname, a prefix) is what it is: with another one it is
another row.
"""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

VERSION = 1
SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"


def _said(help_text: str, default: Any = MISSING) -> Any:
    """A field, with what it is for; without a default it has to be there."""
    return field(metadata={"help": help_text}, **({} if default is MISSING else {"default": default}))


@dataclass(frozen=True)
class Item:
    """One thing that a document says. `line` is where."""

    line: int = field(default=0, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class RegistryItem(Item):
    """A registry: shared where it stands at the top, else its tenant's own."""

    origin: str = _said("scheme, host and port, such as https://ghcr.io")
    name: str = _said("what people call it")
    alias: str = _said("the name that people use for it, where that isn't its host", "")
    implicit_namespace: str = _said("where it keeps names of one component, such as library", "")
    stream_blobs: bool = _said("pass layers through for clients that can't be redirected", False)
    labels: str | None = _said(
        "words to find it by, in order, with a space between; empty for none; left out, they stay as they are", None
    )


@dataclass(frozen=True)
class MappingItem(Item):
    """Where a prefix of its hostname points to."""

    prefix: str = _said("leading components of a repository's name; empty for the whole hostname")
    registry: str = _said(
        "the registry's origin; “shared:” before it names the shared one where the tenant has its own"
    )
    upstream_prefix: str = _said("what the prefix is called at the registry", "")
    allow_push: bool = _said("redirect pushes too", False)
    private: bool = _said("the images need credentials even to be pulled", False)
    delivery: Literal["auto", "redirect-only"] = _said("how clients get to the registry", "auto")
    enabled: bool = _said("while off, clients are told so", True)
    standby_registry: str | None = _said(
        "the registry of its standby, named as its own; empty for no standby; left out, it stays as it is", None
    )
    standby_prefix: str = _said("what the prefix is called at the standby", "")
    standby_return_seconds: int = _said(
        "lead it back from the standby once its registry has answered for so many seconds; 0 for never", 0
    )
    labels: str | None = _said(
        "words to find it by, in order, with a space between; empty for none; left out, they stay as they are", None
    )


@dataclass(frozen=True)
class HostnameItem(Item):
    """A name that people pull from."""

    name: str = _said("the hostname, such as docker.acme.com, or *.pull.acme.com")
    enabled: bool = _said("while off, the name is answered with 404", True)
    login_registry: str = _said("where a bare docker login goes, as a mapping's registry; empty for none", "")
    suspended: bool = _said("refuse every request for it", False)
    suspension_message: str = _said("what clients are told while it is suspended", "")
    labels: str | None = _said(
        "words to find it by, in order, with a space between; empty for none; left out, they stay as they are", None
    )
    mappings: tuple[MappingItem, ...] = _said("its mappings", ())


@dataclass(frozen=True)
class TenantItem(Item):
    """An organisation, and all that is its own."""

    slug: str = _said("its name in commands")
    name: str = _said("the organisation's name")
    suspended: bool = _said("refuse every request for its hostnames", False)
    suspension_message: str = _said("what clients are told while it is suspended", "")
    max_hostnames: int | None = _said("its limit; null for the platform's", None)
    max_mappings: int | None = _said("its limit; null for the platform's", None)
    max_registries: int | None = _said("its limit; null for the platform's", None)
    max_members: int | None = _said("its limit; null for the platform's", None)
    max_streamed_bytes: int | None = _said("its limit of streamed bytes a month; null for the platform's", None)
    allowed_registries: str | None = _said(
        "origins of the registries to which its mappings may point, in order, with a space between; empty for any; "
        "left out, it stays as it is",
        None,
    )
    needs_clean_reports: bool | None = _said(
        "a mapping is repointed with a clean report only; left out, it stays as it is", None
    )
    needs_approval: bool | None = _said(
        "change sets take a second person's approval; left out, it stays as it is", None
    )
    registries: tuple[RegistryItem, ...] = _said("its own registries", ())
    hostnames: tuple[HostnameItem, ...] = _said("its hostnames", ())


@dataclass(frozen=True)
class Document(Item):
    """A whole configuration, or the part of it that somebody keeps in one file."""

    version: int = _said(f"of this schema: {VERSION}")
    registries: tuple[RegistryItem, ...] | None = _said("shared registries; left out, they stay as they are", None)
    tenants: tuple[TenantItem, ...] = _said("tenants; those that are left out stay as they are", ())


AnyItem = TypeVar("AnyItem", bound=Item)
#: What entries of a list are told apart by.
KEYS: dict[type[Item], str] = {
    RegistryItem: "origin",
    MappingItem: "prefix",
    HostnameItem: "name",
    TenantItem: "slug",
}


@dataclass(frozen=True)
class Member:
    """One member of an entry: its type is a text, a number, a truth, one of some words, or a list of entries."""

    name: str
    help: str
    required: bool
    default: Any
    base: type
    may_be_null: bool = False
    words: tuple[str, ...] = ()
    entries: type[Item] | None = None


def members(kind: type[Item]) -> list[Member]:
    """The members that an entry of a kind may have, in the order in which they are written."""
    hints = get_type_hints(kind)
    return [_member(each, hints[each.name]) for each in fields(kind) if each.name != "line"]


def _member(each: Any, hint: Any) -> Member:
    options = [option for option in get_args(hint) if option is not type(None)]
    may_be_null = type(None) in get_args(hint)
    if may_be_null:
        hint = options[0]
    base, words, entries = hint, (), None
    if get_origin(hint) is Literal:
        base, words = str, get_args(hint)
    elif get_origin(hint) is tuple:
        base, entries = list, get_args(hint)[0]
    required = each.default is MISSING
    default = None if required else each.default
    return Member(each.name, each.metadata["help"], required, default, base, may_be_null, words, entries)


_TYPES = {str: "string", bool: "boolean", int: "integer", list: "array"}


def json_schema() -> dict[str, Any]:
    """The document's JSON Schema."""
    schema = _schema_of(Document)
    schema["properties"]["version"] = {"const": VERSION, "description": "of this schema"}
    return {"$schema": SCHEMA_ID, "title": "Configuration of Registry Facade", **schema}


def _schema_of(kind: type[Item]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        "additionalProperties": False,
        "required": [member.name for member in members(kind) if member.required],
        "properties": {member.name: _property(member) for member in members(kind)},
    }


def _property(member: Member) -> dict[str, Any]:
    kind = _TYPES[member.base]
    found: dict[str, Any] = {"type": [kind, "null"] if member.may_be_null and kind != "array" else kind}
    if member.words:
        found = {"enum": list(member.words)}
    if kind == "integer":
        found["minimum"] = 0
    if member.entries is not None:
        found["items"] = _schema_of(member.entries)
    elif not member.required:
        found["default"] = member.default
    return {**found, "description": member.help}
