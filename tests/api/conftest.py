"""Programs that come to the API with a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from routing.core.table.routing_table import Table
from routing.services.people.api_tokens import create_api_token
from tests.conftest import Person


class ApiClient:
    """A program with a token, or with none."""

    def __init__(self, secret: str = "") -> None:
        headers = {"host": "localhost"} | ({"authorization": f"Bearer {secret}"} if secret else {})
        self.client = Client(headers=headers)

    def get(self, path: str, **query: str | int) -> Any:
        """Ask."""
        return self.client.get(f"/api/v1/{path}", query)

    def send(self, method: str, path: str, *, headers: Any = None, **body: Any) -> Any:
        """Send."""
        send = getattr(self.client, method)
        return send(f"/api/v1/{path}", body, content_type="application/json", headers=headers or {})


def api_client_for(person: Person, **limits: Any) -> ApiClient:
    """A program of theirs."""
    return ApiClient(create_api_token(person.actor, user=person.user, name="tests", **limits).secret)


@pytest.fixture(autouse=True)
def _has_a_table(db: None, table: Callable[[], Table]) -> None:
    table()


@pytest.fixture
def api(owner: Person) -> ApiClient:
    """Alice's."""
    return api_client_for(owner)
