"""A mapping's notice: written by every door, kept in the history, and refused where no client could print it."""

from __future__ import annotations

import pytest

from routing.conf import policy
from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import add_mapping, update_mapping
from routing.table.load import load_table
from tests.commands.facade import facade

pytestmark = pytest.mark.django_db
HOST = "docker.acme.com"
NOTICE = "moves to example.com on 1 March"


@pytest.fixture
def mapping(platform: Actor) -> Mapping:
    return add_mapping(platform, "", hostname=HOST, prefix="acme", target="docker.io/acme").mapping


def notice_in_the_table() -> str:
    match = load_table(policy()).match_repository(HOST, "acme/app")
    assert match is not None
    return match.notice


def test_it_reaches_the_table_and_the_history(platform: Actor, mapping: Mapping) -> None:
    outcome = update_mapping(platform, "announced", mapping_id=mapping.pk, notice=NOTICE)

    assert outcome.notes == [f"changed notice of {HOST}/acme"]
    assert notice_in_the_table() == NOTICE
    assert Mapping.history.latest().notice == NOTICE
    update_mapping(platform, "", mapping_id=mapping.pk, notice="")
    assert notice_in_the_table() == ""


@pytest.mark.parametrize("text", ['say "hi"', "two\nlines", "caf\xe9", "a" * 301])
def test_what_no_client_could_print_is_refused(platform: Actor, mapping: Mapping, text: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        update_mapping(platform, "", mapping_id=mapping.pk, notice=text)

    assert "notice" in refusal.value.fields
    assert notice_in_the_table() == ""


def test_the_command_line_sets_and_takes_it_away(mapping: Mapping) -> None:
    assert facade("mapping", "notice", HOST, "acme", NOTICE).status == 0
    assert facade("mapping", "show", HOST, "acme", "--json").json["notice"] == NOTICE
    facade("mapping", "notice", HOST, "acme", "")
    assert notice_in_the_table() == ""
