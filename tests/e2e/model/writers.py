"""Writers who change their own tenants' rows at random, and say to the truth what they did."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tests.e2e.model.doors import BehindTheBack, Change, Door
from tests.e2e.model.rows import Rows
from tests.e2e.model.truth import Holding, Key, Route, Truth
from tests.e2e.seed import tenant_of

PREFIXES = ("p0", "p1", "p2", "p3")
_PAUSE_SECONDS = 0.3


class Writer:
    """One tenant's only writer, through one door or several: its rows have to be found as it left them."""

    def __init__(self, hostname: str, rows: Rows, truth: Truth, doors: Sequence[Door], chance: random.Random) -> None:
        self.tenant, self.hostname = tenant_of(hostname), hostname
        self._rows, self._truth, self._doors, self._chance = rows, truth, doors, chance
        self.holding = rows.holding(self.tenant)
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        for prefix in PREFIXES:
            truth.begin((hostname, prefix), self.holding.answer(prefix))

    @property
    def keys(self) -> list[Key]:
        """Of its mappings."""
        return [(self.hostname, prefix) for prefix in PREFIXES]

    def write(self, changes: int) -> None:
        """Make so many changes."""
        for _ in range(changes):
            time.sleep(self._chance.uniform(0, _PAUSE_SECONDS))
            door, change = self._choice()
            started = time.monotonic()
            if door.make(change):
                self.done[door.name] += 1
                found = self._rows.holding(self.tenant)
                assert found == change.after, f"{door.name} said that it is done: {change}\nbut there is {found}"
            else:
                self.refused[door.name] += 1
                self._rows.wait_for_writers()
                found = self._rows.holding(self.tenant)
                assert found in (change.before, change.after), f"{door.name} left {found} of {change}"
            self.turn_to(found, started, math.inf if isinstance(door, BehindTheBack) else time.monotonic())

    def turn_to(self, holding: Holding, started: float, finished: float) -> None:
        """Its rows have become these in between."""
        self.holding = holding
        for hostname, prefix in self.keys:
            self._truth.change((hostname, prefix), holding.answer(prefix), started, finished)

    def _choice(self) -> tuple[Door, Change]:
        while True:
            change, door = self._wish(), self._chance.choice(self._doors)
            if change.after != change.before and door.takes(change):
                return door, change

    def _wish(self) -> Change:
        before, prefix = self.holding, self._chance.choice(PREFIXES)
        registry = self._chance.choice(list(before.origins))
        route = before.routes.get(prefix)
        new = Route(registry, f"u{self._chance.randrange(10**9)}", enabled=True)
        match self._chance.choices(("lead", "switch", "remove", "move", "suspend"), (6, 2, 2, 2, 1))[0]:
            case "lead":
                after = before.with_route(prefix, new if route is None else replace(new, enabled=route.enabled))
            case "switch" if route is not None:
                after = before.with_route(prefix, replace(route, enabled=not route.enabled))
            case "remove":
                after = before.with_route(prefix, None)
            case "move":
                after = before.with_origin(registry, f"http://127.0.0.1:{self._chance.randrange(1, 1024)}")
                if len(set(after.origins.values())) < len(after.origins):
                    after = before
                return Change(self.hostname, self.tenant, before, after, registry=registry)
            case "suspend":
                after = replace(before, suspended=not before.suspended)
                return Change(self.hostname, self.tenant, before, after)
            case _:
                after = before
        return Change(self.hostname, self.tenant, before, after, prefix=prefix)


@contextmanager
def all_writing(writers: Sequence[Writer], changes: int) -> Iterator[None]:
    """They write, all at once; afterwards they are through. Raises what one of them ended with."""
    failures: list[BaseException] = []

    def work(writer: Writer) -> None:
        try:
            writer.write(changes)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(writer,), daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
