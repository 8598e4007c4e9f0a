"""`expected.md` is whole: each client in it can be started, and each word in it is known."""

from tests.clients import roster, tables

PULL_OUTCOMES = {"redirected", "relayed", "streamed", "refused", "to log in"}


def test_clients_of_the_table_are_those_of_the_roster() -> None:
    assert [client.name for client in tables.CLIENTS] == list(roster.NAMES)


def test_outcomes_of_pulls_are_words_that_the_table_explains() -> None:
    assert {outcome for row in tables.PULLS.values() for outcome in row.values()} == PULL_OUTCOMES


def test_verbs_name_clients_and_rows_that_exist() -> None:
    for _, client, row in tables.verbs():
        assert client in roster.NAMES
        assert row in tables.PULLS


def test_logins_and_pushes_name_clients_and_registries_that_exist() -> None:
    registries = {row.registry for row in tables.ROWS}
    for client, registry in [*tables.logins(), *((client, registry) for client, registry, _ in tables.pushes())]:
        assert client in roster.NAMES
        assert registry in registries
