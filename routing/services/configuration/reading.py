"""From YAML to a document. Whatever is wrong is told with its line, all of it at once."""

from collections.abc import Iterator
from typing import Any, cast

import yaml

from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.configuration.document import KEYS, VERSION, AnyItem, Document, Item, Member, members

#: A document with a hundred thousand mappings has some 20 MB.
MAX_BYTES = 64 * 1024 * 1024
_MAX_TOLD = 20
_TAGS = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:bool": bool,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:null": type(None),
}
_WORDS = {str: "a text", bool: "true or false", int: "a whole number", list: "a list"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InvalidDocument(ServiceError):
    """A document that can't be read; the message has a line for each thing that is wrong."""

    default_code = Code.MALFORMED


def read_document(text: str) -> Document:
    """The document. Raises InvalidDocument."""
    if len(text) > MAX_BYTES:
        raise InvalidDocument(f"the document is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = "" if event.start_mark is None else f"line {event.start_mark.line + 1}: "
                raise InvalidDocument(f"{line}anchors and aliases (& and *) are not read: write it out")
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f"line {mark.line + 1}: "
        raise InvalidDocument(f"{place}this is not YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidDocument(f"this is not YAML: {error}") from error
    if node is None:
        raise InvalidDocument(f"the document is empty: begin with “version: {VERSION}”")
    reader = _Reader()
    document = reader.entry(node, Document, "the document")
    if not reader.problems and document.version != VERSION:
        reader.problems.append((document.line, f"version {document.version} is not known here: {VERSION} is"))
    reader.raise_any()
    return document


class _Reader:
    """Walks the nodes, and keeps what is wrong with each."""

    def __init__(self) -> None:
        self.problems: list[tuple[int, str]] = []

    def raise_any(self) -> None:
        told = [f"line {line}: {words}" for line, words in sorted(self.problems)]
        if len(told) > _MAX_TOLD:
            told[_MAX_TOLD:] = [f"and {len(told) - _MAX_TOLD} more"]
        if told:
            raise InvalidDocument("\n".join(told))

    def entry(self, node: yaml.Node, kind: type[AnyItem], what: str) -> AnyItem:
        values: dict[str, Any] = {}
        known = {member.name: member for member in members(kind)}
        for name, key, value in self._items(node, what):
            member = known.get(name)
            if member is None:
                self._tell(key, f"“{name}” is nothing that {what} has; it may have {', '.join(known)}")
            elif name in values:
                self._tell(key, f"“{name}” stands here twice")
            else:
                values[name] = self._value(value, member)
        for member in known.values():
            if member.required and member.name not in values:
                self._tell(node, f"{what} lacks “{member.name}”: {member.help}")
                values[member.name] = ""
        return kind(line=node.start_mark.line + 1, **values)

    def _items(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._tell(node, f"{what} consists of names and values, such as “version: {VERSION}”")
            return
        for key, value in node.value:
            yield str(key.value) if isinstance(key, yaml.ScalarNode) else "?", key, value

    def _value(self, node: yaml.Node, member: Member) -> Any:
        if member.entries is not None:
            return self._list(node, member)
        kind = _TAGS.get(node.tag) if isinstance(node, yaml.ScalarNode) else None
        if kind is type(None) and member.may_be_null:
            return None
        if kind is not member.base:
            hint = ": put it in quotation marks" if member.base is str and isinstance(node, yaml.ScalarNode) else ""
            self._tell(node, f"“{member.name}” is {_WORDS[member.base]}{hint}")
            return member.default
        if member.words and node.value not in member.words:
            self._tell(node, f"“{member.name}” is one of {', '.join(member.words)}")
        return self._scalar(node, member)

    def _scalar(self, node: yaml.Node, member: Member) -> Any:
        if member.base is str:
            return str(node.value)
        value = yaml.SafeLoader("").construct_object(node)
        if member.base is int and value < 0:
            self._tell(node, f"“{member.name}” is not below 0")
        return value

    def _list(self, node: yaml.Node, member: Member) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            self._tell(node, f"“{member.name}” is a list: its entries begin with “- ”")
            return member.default
        kind = cast(type[Item], member.entries)
        entries = [self.entry(each, kind, f"an entry of {member.name}") for each in node.value]
        key, seen = KEYS[kind], dict[str, int]()
        for entry in entries:
            name = getattr(entry, key)
            if name in seen:
                self.problems.append((entry.line, f"{key} “{name}” stands in line {seen[name]} already"))
            seen.setdefault(name, entry.line)
        return tuple(entries)

    def _tell(self, node: yaml.Node, words: str) -> None:
        self.problems.append((node.start_mark.line + 1, words))
