"""A move from one registry to another: both over sockets, a mapping onto the old one, and reports about the new one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pytest_django import Settings

from routing.models import Mapping, Verification
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping
from routing.services.verifications.candidates import Candidate
from routing.services.verifications.verifications import Options, make_report, start_verification
from tests.registries.faulty_server import FaultyServer
from tests.verification.content_registry import ContentRegistry

HOST, APP = "docker.acme.com", "acme/app"


@dataclass
class Move:
    """From an old registry to a new one; both have `acme/app`."""

    old: ContentRegistry
    new: ContentRegistry
    actor: Actor
    prefix: str = "acme/app"

    def mapping(self, prefix: str | None = None, upstream: str | None = None) -> Mapping:
        prefix = self.prefix if prefix is None else prefix
        target = f"{self.old.url}/{prefix if upstream is None else upstream}"
        return add_mapping(self.actor, "", hostname=HOST, prefix=prefix, target=target).mapping

    def start(self, mapping: Mapping | None = None, to: str | None = None, **options: Any) -> Verification:
        mapping = mapping or self.mapping()
        target = f"{self.new.url}/{mapping.upstream_prefix if to is None else to}"
        return start_verification(self.actor, candidates=[Candidate(mapping.pk, target)], options=Options(**options))

    def report(self, mapping: Mapping | None = None, to: str | None = None, **options: Any) -> Verification:
        return make_report(self.start(mapping, to, **options).pk)


def found_in(row: Verification) -> list[tuple[str, str]]:
    """Kinds and references, as they were found."""
    return [(each.kind, each.reference) for each in row.differences.all()]


def filled(move: Move) -> Move:
    """Both have two images and an index."""
    move.old.put_image(APP, "1.0")
    move.old.put_image(APP, "2.0", "second")
    move.old.put_index(APP, "multi", "multi", ("amd64", "arm64"))
    move.old.copy_to(move.new)
    return move


@contextmanager
def a_move(settings: Settings, actor: Actor) -> Iterator[Move]:
    """Two empty registries, which this deployment may ask."""
    settings.FACADE_ALLOW_INSECURE_REGISTRIES = settings.FACADE_ALLOW_PRIVATE_REGISTRIES = True
    servers = [FaultyServer(), FaultyServer()]
    yield Move(ContentRegistry(servers[0]), ContentRegistry(servers[1]), actor)
    for server in servers:
        server.stop()
