"""A tenant with mappings that lead to Docker Hub."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from routing.models import ChangeSet, Mapping
from routing.services.base.actor import Actor
from routing.services.changes.drafts import draft
from routing.services.changes.wishes import wishes_to_repoint
from routing.services.mappings.mappings import add_mapping
from tests.conftest import Person

Drafting = Callable[..., ChangeSet]


@pytest.fixture
def mappings(owner: Person) -> list[Mapping]:
    """Three of the owner's: app, web and web/api, which lead to acme's part of Docker Hub."""
    return [add_at(owner.actor, owner.hostname.name, prefix) for prefix in ("app", "web", "web/api")]


@pytest.fixture
def drafted(owner: Person) -> Drafting:
    """Drafts, by the owner unless somebody else is given, that all of acme's part of Docker Hub is at ghcr.io."""

    def make(actor: Actor | None = None, target: str = "ghcr.io/acme-inc") -> ChangeSet:
        by = actor or owner.actor
        return draft(by, "CHG-1: to GitHub", wishes=wishes_to_repoint(by, source="docker.io/acme", target=target))

    return make


def add_at(actor: Actor, hostname: str, prefix: str, *, private: bool = False) -> Mapping:
    """A mapping that leads to acme's part of Docker Hub."""
    target = f"docker.io/acme/{prefix}"
    return add_mapping(actor, "", hostname=hostname, prefix=prefix, target=target, private=private).mapping
