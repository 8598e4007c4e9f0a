"""The written table of who may what: every service, route and page is tried as everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from routing.core.table.routing_table import Table
from routing.services.people.api_tokens import create_api_token
from tests.permissions import pages, routes, verbs
from tests.permissions.matrix_runner import DENIED, Line, Seen, call, complaints, lines_of, visit
from tests.permissions.table import ROUTES, VERBS
from tests.permissions.table_of_pages import PAGES
from tests.permissions.world import World, made_once, snapshot

pytestmark = pytest.mark.django_db
VERB_LINES, PAGE_LINES, ROUTE_LINES = lines_of(VERBS), lines_of(PAGES), lines_of(ROUTES)


@pytest.fixture(scope="module")
def made_world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Both tenants. Each cell is rolled back."""
    with made_once(django_db_blocker) as made:
        yield made


@pytest.fixture
def world(made_world: World, table: Callable[[], Table]) -> World:
    """The same, at a worker that has its table, without which it answers nobody."""
    table()
    return made_world


@pytest.mark.parametrize("line", [*VERB_LINES, *PAGE_LINES, *ROUTE_LINES], ids=str)
def test_everybody_gets_what_the_table_says(world: World, line: Line) -> None:
    if line in VERB_LINES:
        do, reads = _verb(world, line)
    else:
        do, reads = _page(world, line) if line in PAGE_LINES else _route(world, line)

    assert complaints(world, line, do, reads=reads) == []


def _verb(world: World, line: Line) -> tuple[Callable[[str], Seen], bool]:
    deed = verbs.DEEDS[line.deed, line.subject]
    typed = [world["hostname"].name]
    return lambda role: call(lambda: deed(world.actor(role), world), typed), verbs.reads(line.deed)


def _page(world: World, line: Line) -> tuple[Callable[[str], Seen], bool]:
    method, page = line.deed.split()
    path = pages.path_of(page, line.subject, world)
    form = pages.form_of(page, line.subject, world) if method == "POST" else {}
    return lambda role: visit(world.client(role), method, path, form), method == "GET"


def _route(world: World, line: Line) -> tuple[Callable[[str], Seen], bool]:
    reads = line.deed.startswith("GET")
    return lambda role: routes.ask(world, role, line.deed, line.subject, world.secrets.get(role)), reads


@pytest.mark.parametrize("line", ROUTE_LINES, ids=str)
def test_a_token_that_may_only_look_changes_nothing(world: World, line: Line) -> None:
    reads = line.deed.startswith("GET")
    for role in ("owner", "platform"):
        with transaction.atomic():
            person = world.people[role]
            secret = create_api_token(world.actor(role), user=person, name="reader", read_only=True).secret
            seen = routes.ask(world, role, line.deed, line.subject, secret)
            before = {kind: rows for kind, rows in snapshot().items() if kind != "routing_apitoken"}
            transaction.set_rollback(True)
        now = {kind: rows for kind, rows in snapshot().items() if kind != "routing_apitoken"}

        assert before == now
        assert seen.mark == (line.expected[role] if reads else DENIED)


def test_every_verb_has_a_line_and_no_line_is_stale() -> None:
    assert {line.deed for line in VERB_LINES} == verbs.known_verbs() - verbs.NOT_VERBS
    assert verbs.known_verbs() >= verbs.NOT_VERBS
    assert {line[:2] for line in VERB_LINES} == set(verbs.DEEDS)


def test_every_page_has_a_line_and_no_line_is_stale() -> None:
    known = pages.known_pages()
    by_method: dict[str, set[str]] = {"GET": set(), "POST": set()}
    for line in PAGE_LINES:
        method, page = line.deed.split()
        by_method[method].add(page)

    assert by_method["GET"] == known
    # In the admin every page takes what is sent to it, one way or another.
    assert {page for page in known if page.startswith("admin")} <= by_method["POST"] <= known
    assert {(f"POST {page}", subject) for page, subject in pages.FORMS} <= {line[:2] for line in PAGE_LINES}


def test_every_route_has_a_line_and_no_line_is_stale() -> None:
    assert {line.deed for line in ROUTE_LINES} == routes.known_routes()
    assert set(routes.BODIES) <= {line[:2] for line in ROUTE_LINES}


def test_no_line_stands_there_twice() -> None:
    named = [line[:2] for line in (*VERB_LINES, *PAGE_LINES, *ROUTE_LINES)]

    assert len(set(named)) == len(named)
