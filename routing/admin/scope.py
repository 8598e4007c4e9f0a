"""Who is asking, and what they may see. Every query, choice and count of the admin passes through here."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from routing.services.actor import Actor

Row = TypeVar("Row", bound=Model)


def actor(request: HttpRequest) -> Actor:
    """Whoever is signed in, as the verbs know them."""
    return Actor.person(request.user)


def visible(request: HttpRequest, rows: "QuerySet[Row]") -> "QuerySet[Row]":
    """Those of `rows` (of a routing table or of its history) that the asker may see: for now, all of them."""
    return rows
