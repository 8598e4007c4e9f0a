"""What Netlify and Bunny get: lines and rules of a grammar, for mappings that always redirect and no others."""

from __future__ import annotations

import json
import re

import pytest

from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, RegistryEntry, Table, TenantEntry
from routing.publish.bunny import bunny
from routing.publish.documents import Surroundings, Unquotable
from routing.publish.netlify import netlify
from routing.publish.rules import rules_of
from tests.core.contract import build_table

AROUND = Surroundings(":443", "app.example:443", "https")
#: Netlify's grammar of a line: from, to, status; and its whole file, with comments.
LINE = re.compile(
    r"(?P<source>/\*|https://[a-z0-9.-]+/v2/[a-z0-9._/-]*\*?) (?P<target>https?://\S+) (?P<status>307!|200!)"
)
ALWAYS = int(Flag.ENABLED | Flag.REDIRECT_ONLY)


def table_of(mappings: dict[str, MappingEntry]) -> Table:
    hosts = {"x.example": HostEntry("t"), "*.w.example": HostEntry("t"), "off.example": HostEntry("t", enabled=False)}
    registries = {"1": RegistryEntry("https://ghcr.io", "ghcr.io"), "2": RegistryEntry("https://r.example:5000", "r")}
    tenants = {"t": TenantEntry("T")}
    return Table.build(Policy(), 1, tenants.items(), registries.items(), hosts.items(), mappings.items())


MAPPINGS = {
    "x.example/acme": MappingEntry("1", "acme-inc", ALWAYS),
    "x.example/acme/app": MappingEntry("2", "app", ALWAYS),
    "x.example/mixed": MappingEntry("1", "mixed", ALWAYS),
    "x.example/mixed/secret": MappingEntry("1", "secret", 1),
    "x.example/relayed": MappingEntry("1", "relayed", 1),
    "*.w.example/acme": MappingEntry("1", "acme", ALWAYS),
    "off.example/acme": MappingEntry("1", "acme", ALWAYS),
}


def lines(table: Table, around: Surroundings = AROUND) -> list[str]:
    (file,) = netlify(rules_of(table), around).files
    found = [line for line in file.text.splitlines() if line and not line.startswith("#")]
    assert [line for line in found if LINE.fullmatch(line) is None] == []
    return found


def test_netlify_redirects_what_always_is_and_the_longest_prefix_first() -> None:
    assert lines(table_of(MAPPINGS)) == [
        "https://x.example/v2/acme/app/* https://r.example:5000/v2/app/:splat 307!",
        "https://x.example/v2/acme/* https://ghcr.io/v2/acme-inc/:splat 307!",
        "/* https://app.example:443/:splat 200!",
    ]


def test_without_an_app_nothing_is_handed_on() -> None:
    assert not any(line.startswith("/*") for line in lines(table_of(MAPPINGS), AROUND._replace(app="")))


def test_every_line_for_the_contracts_table_is_of_the_grammar() -> None:
    found = lines(build_table())

    assert "https://shells.acme.com/v2/tools/* https://quay.io/v2/tools/:splat 307!" in found
    assert "https://shell.acme.com/v2/ https://ghcr.io/v2/ 307!" in found
    assert not any("secret" in line or "hub.acme.com" in line for line in found)


def test_bunny_redirects_the_same() -> None:
    (file,) = bunny(rules_of(table_of(MAPPINGS)), AROUND).files
    rules = json.loads(file.text)["edge_rules"]

    assert [(rule["Triggers"][0]["PatternMatches"], rule["ActionParameter1"]) for rule in rules] == [
        (["*://x.example/v2/acme/app/*"], "https://r.example:5000/v2/app/%{Path.3-}"),
        (["*://x.example/v2/acme/*"], "https://ghcr.io/v2/acme-inc/%{Path.2-}"),
    ]
    assert [rule["OrderIndex"] for rule in rules] == [0, 1]
    assert {(rule["ActionType"], rule["ActionParameter2"], rule["TriggerMatchingType"]) for rule in rules} == {
        ("Redirect", "307", "MatchAll")
    }


@pytest.mark.parametrize("write", [netlify, bunny])
def test_what_is_no_name_is_refused(write: object) -> None:
    odd = table_of({"x.example/a b %{Path.0}": MappingEntry("1", "a", ALWAYS)})

    with pytest.raises(Unquotable):
        write(rules_of(odd), AROUND)  # type: ignore[operator]
