"""The OpenAPI document keeps its word: whatever is sent, no answer is a 5xx, and each is as the document says.

The input is made up by schemathesis from the document, and sent to the application as a server would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, given, settings
from pytest_django import DjangoDbBlocker
from schemathesis import checks
from schemathesis.core.result import Ok

from routing.api.api import api
from routing.services.people.api_tokens import create_api_token
from tests.examples import examples
from tests.permissions.world import World, made_once

checks.load_all_checks()
CHECKS = checks.CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
SUBJECTS = {
    "mapping_id": "mapping",
    "filter_id": "shared filter",
    "subscription_id": "subscription",
    "delivery_id": "delivery",
    "hostname_id": "proved hostname",
    "claim_id": "claim",
    "registry_id": "registry",
    "tenant": "idle tenant",
    "member_id": "member",
    "invitation_id": "invitation",
    "user_id": "account",
    "verification_id": "verification",
    "change_set_id": "change set",
    "self_test_id": "shared self-test",
    "note_id": "note",
}


def _operations() -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(dict(api.get_openapi_schema()))
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        yield result.ok()


@pytest.fixture(scope="module")
def made_world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with made_once(django_db_blocker) as made:
        yield made


@pytest.fixture
def world(db: None, made_world: World) -> World:
    return made_world.fresh()


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """A server closes its connection to the database with each request; here that would end the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("operation", list(_operations()), ids=lambda operation: operation.label)
def test_every_answer_is_as_the_document_says(world: World, operation: Any) -> None:
    secret = create_api_token(world.actor("platform"), user=world.people["platform"], name="tests").secret
    application = get_wsgi_application()
    # A probe would ask whichever registry has that number.
    own_only = operation.label.endswith("/probe")

    @settings(
        max_examples=examples(20),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        for own in (True, False):
            if own:
                case.path_parameters = {name: world[SUBJECTS[name]].pk for name in case.path_parameters}
            elif own_only or not case.path_parameters:
                continue
            with transaction.atomic():
                response = case.call(
                    app=application,
                    base_url="http://localhost",
                    headers={"Authorization": f"Bearer {secret}"},
                )
                transaction.set_rollback(True)
            case.validate_response(response, checks=CHECKS)

    ask()
