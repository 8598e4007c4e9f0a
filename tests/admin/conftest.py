"""An operator at the admin, who fills in forms as a browser would: what isn't touched is sent as it was shown."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from routing.dataplane.live.live_table import live_table
from routing.models import Mapping, Membership, Tenant
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping

SET_UP = Actor.program("test set-up")


class AdminClient:
    """The admin as one person meets it."""

    def __init__(self, user: User) -> None:
        self.user = user
        # Without a routing table a worker answers nobody.
        live_table.refresh()
        self.client = Client(headers={"host": "localhost"})
        self.client.force_login(user)

    def url(self, view: str, *arguments: object) -> str:
        """The address of an admin page: `mapping_add`, `mapping_change`, 1."""
        return reverse(f"admin:routing_{view}", args=arguments)

    def get(self, view: str, *arguments: object, **query: object) -> Any:
        """A page."""
        return self.client.get(f"{self.url(view, *arguments)}?{urlencode(query)}")

    def fill(self, view: str, *arguments: object, **fields: object) -> Any:
        """Open a form, set some of its fields, and send it."""
        form = self.get(view, *arguments).context["adminform"].form
        shown = {field.html_name: field.value() for field in form}
        data = {name: value for name, value in (shown | fields).items() if value not in (None, False)}
        return self.client.post(self.url(view, *arguments), data)

    def act(self, action: str, mappings: list[Mapping], **fields: str) -> Any:
        """Choose mappings in the list and go on with a bulk action."""
        data = {"action": action, "_selected_action": [mapping.pk for mapping in mappings], **fields}
        return self.client.post(self.url("mapping_changelist"), data)


def text_of(response: Any) -> str:
    """What a person reads on a page."""
    return _text(response.content.decode())


def messages_of(response: Any) -> str:
    """What the answer to a form says, which the next page shows."""
    # Only those of this answer: what earlier ones said waits for a page that shows it.
    return _text(" ".join(str(message) for message in response.wsgi_request._messages._queued_messages))


def _text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html.replace("<wbr>", ""))).split())


def errors_of(response: Any) -> dict[str, list[str]]:
    """The errors at the fields of a form that came back."""
    assert response.status_code == 200
    return {name: list(errors) for name, errors in response.context["adminform"].form.errors.items()}


@pytest.fixture
def operator(db: None) -> User:
    """Olga, who runs the platform."""
    return get_user_model().objects.create_superuser(username="olga")


@pytest.fixture
def admin(operator: User) -> AdminClient:
    """Olga's admin."""
    return AdminClient(operator)


@pytest.fixture
def member(db: None) -> Callable[[Tenant, str], AdminClient]:
    """Makes somebody with a role in a tenant, at their admin."""

    def made(tenant: Tenant, role: str) -> AdminClient:
        user = get_user_model().objects.create_user(username=f"{role} of {tenant.slug}", is_staff=True)
        Membership.objects.create(tenant=tenant, user=user, role=role)
        return AdminClient(user)

    return made


@pytest.fixture
def mapping(db: None) -> Mapping:
    """docker.acme.com/acme → ghcr.io/acme"""
    return add("docker.acme.com", "acme", "ghcr.io/acme")


def add(hostname: str, prefix: str, target: str, **options: Any) -> Mapping:
    """A mapping that is there already."""
    return add_mapping(
        SET_UP, options.pop("reason", "moved in"), hostname=hostname, prefix=prefix, target=target, **options
    ).mapping
