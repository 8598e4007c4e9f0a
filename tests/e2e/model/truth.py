"""What was true when: the answers that a worker may give, by what has been written and between which moments."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

#: Status, and where it leads.
Answer = tuple[int, str]
#: Hostname and prefix.
Key = tuple[str, str]


def path_of(prefix: str) -> str:
    """What is asked for, of each mapping."""
    return f"/v2/{prefix}/app/manifests/1.0"


@dataclass(frozen=True)
class Route:
    """A mapping's row: the registry's id, the name there, and whether it is switched on."""

    registry: int
    upstream: str
    enabled: bool


@dataclass(frozen=True)
class Holding:
    """The rows of one tenant with one hostname: mappings by prefix, registries' origins by id."""

    routes: Mapping[str, Route]
    origins: Mapping[int, str]
    suspended: bool

    def answer(self, prefix: str) -> Answer:
        """What docs/reference/request-handling.md says for a mapping that only redirects (R1.9, R5.2 to R5.4)."""
        route = self.routes.get(prefix)
        if self.suspended or (route is not None and not route.enabled):
            return 403, ""
        if route is None:
            return 404, ""
        return 307, self.origins[route.registry] + path_of(route.upstream)

    def with_route(self, prefix: str, route: Route | None) -> Holding:
        """The same with another mapping, or without it."""
        others = {name: each for name, each in self.routes.items() if name != prefix}
        return replace(self, routes=others if route is None else others | {prefix: route})

    def with_origin(self, registry: int, origin: str) -> Holding:
        """The same with a registry elsewhere."""
        return replace(self, origins={**self.origins, registry: origin})


@dataclass(frozen=True)
class _Fact:
    """An answer that was made true some time between two moments."""

    answer: Answer
    started: float
    finished: float


class Truth:
    """The answers of all keys over time. Moments are those of time.monotonic()."""

    def __init__(self) -> None:
        self._facts: dict[Key, list[_Fact]] = {}
        self._lock = threading.Lock()

    @property
    def keys(self) -> list[Key]:
        """All there are."""
        return sorted(self._facts)

    def begin(self, key: Key, answer: Answer) -> None:
        """From here on this is so, and nothing before matters."""
        with self._lock:
            self._facts[key] = [_Fact(answer, -math.inf, -math.inf)]

    def change(self, key: Key, answer: Answer, started: float, finished: float) -> None:
        """It became so in between. `finished` infinite: nobody was told, so that the former answer stays right too."""
        with self._lock:
            if self._facts[key][-1].answer != answer:
                self._facts[key].append(_Fact(answer, started, finished))

    def now(self, key: Key) -> Answer:
        """The newest."""
        return self._facts[key][-1].answer

    def could_be(self, key: Key, answer: Answer, earliest: float, latest: float) -> bool:
        """Whether it may have been true at some moment of that time."""
        ended = math.inf
        for fact in reversed(self._facts[key]):
            if fact.answer == answer and fact.started <= latest and ended >= earliest:
                return True
            ended = min(ended, fact.finished)
        return False

    def told(self, key: Key) -> str:
        """All of it, for a person."""
        return "\n".join(f"  from {fact.started:.2f}…{fact.finished:.2f}: {fact.answer}" for fact in self._facts[key])

    def forget(self, keys: Iterable[Key]) -> None:
        """Whatever was before the newest answers matters no more."""
        for key in keys:
            self.begin(key, self.now(key))
