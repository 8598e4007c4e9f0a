"""From a document to YAML, in one form: members in the schema's order, without those that have their default."""

import json
from collections.abc import Iterator

from routing.services.configuration.document import Document, Item, members


def write_document(document: Document) -> Iterator[str]:
    """The document's lines, each with its end. Texts stand in quotation marks."""
    yield from _entry(document, "", "")


def _entry(entry: Item, first: str, indent: str) -> Iterator[str]:
    before = first
    for member in members(type(entry)):
        value = getattr(entry, member.name)
        if not member.required and value == member.default:
            continue
        if isinstance(value, tuple):
            yield f"{before}{member.name}:{'' if value else ' []'}\n"
            for each in value:
                yield from _entry(each, f"{indent}  - ", f"{indent}    ")
        else:
            yield f"{before}{member.name}: {_scalar(value)}\n"
        before = indent


def _scalar(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    return f'"{"".join(map(_character, value))}"'


def _character(char: str) -> str:
    """As texts in quotation marks have it (YAML 1.2 §5.7): unlike JSON's, one beyond 16 bits has eight digits."""
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 1 << 16 else f"\\U{ord(char):08x}"
