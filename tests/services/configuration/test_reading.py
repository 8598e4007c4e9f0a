"""What is wrong with a document is told with its line; what is written is read as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator, meta

from routing.services.configuration.document import (
    Document,
    HostnameItem,
    MappingItem,
    RegistryItem,
    TenantItem,
    json_schema,
)
from routing.services.configuration.reading import InvalidDocument, read_document
from routing.services.configuration.writing import write_document

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
FLAGS = st.booleans()
LIMITS = st.none() | st.integers(0, 10**12)


def unique(entries: st.SearchStrategy[Any], key: str) -> st.SearchStrategy[Any]:
    return st.lists(entries, max_size=3, unique_by=lambda entry: getattr(entry, key)).map(tuple)


REGISTRIES = unique(
    st.builds(RegistryItem, line=st.just(0), origin=TEXTS, name=TEXTS, alias=TEXTS, stream_blobs=FLAGS), "origin"
)
MAPPINGS = unique(
    st.builds(
        MappingItem,
        line=st.just(0),
        prefix=TEXTS,
        registry=TEXTS,
        upstream_prefix=TEXTS,
        private=FLAGS,
        enabled=FLAGS,
        delivery=st.sampled_from(["auto", "redirect-only"]),
        standby_registry=st.none() | TEXTS,
        standby_prefix=TEXTS,
        standby_return_seconds=st.integers(0, 10**6),
    ),
    "prefix",
)
HOSTNAMES = unique(
    st.builds(HostnameItem, line=st.just(0), name=TEXTS, enabled=FLAGS, login_registry=TEXTS, mappings=MAPPINGS), "name"
)
TENANTS = unique(
    st.builds(
        TenantItem,
        line=st.just(0),
        slug=TEXTS,
        name=TEXTS,
        suspension_message=TEXTS,
        max_mappings=LIMITS,
        registries=REGISTRIES,
        hostnames=HOSTNAMES,
    ),
    "slug",
)
DOCUMENTS = st.builds(Document, line=st.just(0), version=st.just(1), registries=st.none() | REGISTRIES, tenants=TENANTS)


@given(DOCUMENTS)
def test_what_is_written_is_read_as_it_was_and_fits_the_schema(document: Document) -> None:
    text = "".join(write_document(document))

    assert read_document(text) == document
    Draft202012Validator(json_schema()).validate(yaml.safe_load(text))


def test_the_schema_is_one() -> None:
    meta.validate(json_schema())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the document is empty: begin with “version: 1”"),
        ("[]", "line 1: the document consists of names and values"),
        ("version: 1\ntenants: [", "this is not YAML"),
        ("tenants: []", "line 1: the document lacks “version”: of this schema: 1"),
        ("version: 2", "line 1: version 2 is not known here: 1 is"),
        ("version: one", "line 1: “version” is a whole number"),
        ("version: 1\ntenant: []", "line 2: “tenant” is nothing that the document has; it may have version"),
        ("version: 1\ntenants: {}", "line 2: “tenants” is a list: its entries begin with “- ”"),
        ("version: 1\nversion: 1", "line 2: “version” stands here twice"),
        (
            "version: 1\ntenants:\n- slug: a\n  name: A\n- slug: a\n  name: B",
            "line 5: slug “a” stands in line 3 already",
        ),
        ("version: 1\ntenants:\n- slug: a", "line 3: an entry of tenants lacks “name”: the organisation's name"),
        ("version: 1\ntenants:\n- slug: 1\n  name: A", "line 3: “slug” is a text: put it in quotation marks"),
        ("version: 1\ntenants:\n- slug: no\n  name: A", "line 3: “slug” is a text: put it in quotation marks"),
        (
            "version: 1\ntenants:\n- {slug: a, name: A, suspended: 1}",
            "line 3: “suspended” is true or false",
        ),
        ("version: 1\ntenants:\n- {slug: a, name: A, max_members: -1}", "line 3: “max_members” is not below 0"),
        ("version: 1\nx: &a {}", "line 2: anchors and aliases (& and *) are not read"),
        ("version: 1\ntenants:\n- &a [*a]", "line 3: anchors and aliases"),
        ("version: !!python/object/apply:os.system ['false']", "line 1: “version” is a whole number"),
        ("version: 1\n--- \nversion: 1", "this is not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, says: str) -> None:
    with pytest.raises(InvalidDocument) as refusal:
        read_document(text)

    assert says in str(refusal.value)


def test_all_that_is_wrong_is_told_at_once_and_not_without_end() -> None:
    entries = "\n".join(f"- slug: {number}" for number in range(30))

    with pytest.raises(InvalidDocument) as refusal:
        read_document(f"version: 1\ntenants:\n{entries}")

    lines = str(refusal.value).splitlines()
    assert lines[:2] == [
        "line 3: an entry of tenants lacks “name”: the organisation's name",
        "line 3: “slug” is a text: put it in quotation marks",
    ]
    assert len(lines) == 21


@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        read_document(f"version: 1\n{text}")
    except InvalidDocument as refusal:
        said = str(refusal)
    else:
        said = "read"
    assert said


def test_an_entry_knows_its_line() -> None:
    document = read_document('version: 1\ntenants:\n- slug: a\n  name: "A"\n  hostnames:\n  - name: x.example\n')

    assert document.tenants[0].line == 3
    assert document.tenants[0].hostnames[0].line == 6
    assert replace(document.tenants[0], line=9) == document.tenants[0]
