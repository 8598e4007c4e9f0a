"""Kinds of jobs that wait for nobody, and what was done of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from routing.jobs.kinds import NAMES, REGISTRIES, Kind, Places
from routing.jobs.queue import claim, enqueue
from routing.models import Job

MANY = Places(100, 100)


@dataclass
class Recorder:
    """A kind of job, and the keys of those that were begun and settled."""

    lane: str = REGISTRIES
    name: str = "look"
    ask: Callable[[str], Any] = lambda key: key
    begun: list[str] = field(default_factory=list)
    settled: list[Any] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        return Kind(self.name, self.lane, lambda: 5.0, self._begin, lambda job, found: self.settled.append(found))

    def _begin(self, job: Job) -> Callable[[], Any] | None:
        self.begun.append(job.key)
        return lambda: self.ask(job.key)

    def put(self, *keys: str, share: str = "acme") -> None:
        for key in keys:
            assert enqueue(self.kind, key, share)

    def take(self, places: Places = MANY) -> Job | None:
        return claim({self.name: self.kind}, self.lane, places)

    def take_keys(self, count: int) -> list[str]:
        """The keys of the next ones, each done before the next is taken."""
        return [job.key for job in (self.take() for _ in range(count)) if job is not None and job.delete()]


@pytest.fixture
def looks() -> Recorder:
    return Recorder()


@pytest.fixture
def names() -> Recorder:
    """Of another lane."""
    return Recorder(NAMES, "ask")


def let_lease_end(job: Job) -> None:
    """As time does, once nobody renews it."""
    assert job.lease_until is not None
    Job.objects.filter(pk=job.pk).update(lease_until=job.lease_until - timedelta(hours=1))
