"""What tenants write is text in every format, or is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.table.mapping_entry import MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, RegistryEntry, Table, TenantEntry
from routing.publish import caddy, nginx
from routing.publish.documents import Surroundings, Unquotable
from routing.publish.formats import FORMATS
from routing.publish.json_text import error_body, json_text
from routing.publish.rules import rules_of

AROUND = Surroundings(":80", "127.0.0.1:8000", "http")
TEXTS = st.text(st.characters(exclude_categories=[]), max_size=80)


@given(TEXTS)
def test_a_text_is_read_as_it_was_written_and_has_no_character_that_means_something(text: str) -> None:
    written = json_text(text)

    assert json.loads(f'"{written}"') == text
    assert not set(written) & set("\"'{}$%#;|<>`&!?*~^[]\n\r\t")
    assert json.loads(error_body("DENIED", written))["errors"][0]["message"] == text


def table_with(refusal: str, tenant: str) -> Table:
    hosts = {"a.example": HostEntry("t", refusal=refusal), "b.example": HostEntry("u"), "c.example": HostEntry("v")}
    return Table.build(
        Policy(),
        1,
        {"t": TenantEntry("T"), "u": TenantEntry(tenant, refusal=refusal), "v": TenantEntry(tenant)}.items(),
        {"1": RegistryEntry("https://r.example", refusal)}.items(),
        hosts.items(),
        {"c.example/a": MappingEntry("1", "a", 1)}.items(),
    )


@pytest.mark.parametrize("name", FORMATS)
@given(refusal=st.text(min_size=1, max_size=60), tenant=st.text(max_size=30))
def test_an_export_has_the_same_lines_whatever_people_write(name: str, refusal: str, tenant: str) -> None:
    def shape(written: str) -> list[int]:
        return [
            len(file.text.splitlines())
            for file in FORMATS[name].write(rules_of(table_with(written, tenant)), AROUND).files
        ]

    assert shape(refusal) == shape("plain")


@given(refusal=st.text(min_size=1, max_size=200), tenant=st.text(max_size=30))
def test_envoy_gets_what_people_write_as_bodies_that_it_does_not_format(refusal: str, tenant: str) -> None:
    """Nothing but those bodies, and what the hosts are for, depends on it."""

    def read(written: str, name: str) -> tuple[str, list[str]]:
        routes, listener, bootstrap = FORMATS["envoy"].write(rules_of(table_with(written, name)), AROUND).files
        hosts = json.loads(routes.text)["resources"][0]["virtual_hosts"]
        bodies = []
        for host in hosts:
            for route in host["routes"]:
                answer = route.get("direct_response", {})
                if answer.get("status") == 403 and "body" in answer:
                    bodies.append(json.loads(answer["body"].pop("inline_string"))["errors"][0]["message"])
        return json.dumps(hosts) + listener.text + bootstrap.text, bodies

    seen, bodies = read(refusal, tenant)

    assert bodies == [refusal, refusal]
    assert seen == read("plain", "plain")[0]


@given(TEXTS)
def test_nginx_reads_a_word_as_the_text_or_it_is_refused(text: str) -> None:
    try:
        word = nginx.quoted(text)
    except Unquotable:
        assert "$" in text or not text.isascii() or not text.isprintable()
        return

    assert read_by_nginx(word) == text


def read_by_nginx(word: str) -> str:
    """As `ngx_conf_read_token` reads a word in quotation marks, to its end and no further."""
    read, position = "", 1
    while word[position] != '"':
        if word[position] == "\\":
            position += 1
            if word[position] not in "\"'\\trn":
                read += "\\"
        read += word[position]
        position += 1
    assert position == len(word) - 1
    return read


@pytest.mark.parametrize("text", ["{env.HOME}", "}", "a{"])
def test_caddy_gets_no_placeholder_of_a_tenant(text: str) -> None:
    with pytest.raises(Unquotable, match="placeholder"):
        caddy.plain(text)


def test_a_row_that_no_grammar_would_have_let_in_stops_the_export() -> None:
    odd = Table.build(
        Policy(),
        1,
        {"t": TenantEntry("T")}.items(),
        {"1": RegistryEntry("https://r.example/$x {a}\n", "r")}.items(),
        {"a.example": HostEntry("t")}.items(),
        {"a.example/a": MappingEntry("1", "a", 1)}.items(),
    )

    for name in ("nginx", "caddy", "haproxy", "envoy"):
        with pytest.raises(Unquotable):
            FORMATS[name].write(rules_of(odd), AROUND)
