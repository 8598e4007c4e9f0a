"""Whatever happens, workers answer as the rows say: random changes, kills, partitions and restores against a model.

Writers change their tenants' rows through all doors at once, and say to the truth what they did. Meanwhile every worker
is asked all the time. What it answers has to have been true in the second before the database last confirmed its table,
or since; when that was the worker says itself. After each round all is quiet, and every worker answers as the rows say.

FACADE_MODEL_ROUNDS says how many rounds there are (each kind once), and FACADE_MODEL_SEED repeats what was drawn.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest

from tests.e2e.facade import USERNAME, Facade
from tests.e2e.lab.process import LabError, wait_until
from tests.e2e.model import doors
from tests.e2e.model.rows import Rows
from tests.e2e.model.trouble import TROUBLES, WAYS_BACK, PutBack, Scene, Trouble, one_worker_stopped
from tests.e2e.model.truth import Truth
from tests.e2e.model.watch import Voice, Watch
from tests.e2e.model.writers import PREFIXES, Writer, all_writing
from tests.e2e.namespaces import Cable
from tests.e2e.postgresql import FarPostgresql
from tests.e2e.seed import AddressSpec, MappingSpec, to_json
from tests.e2e.sqlite_file import file_of

WORKERS = 2
HOSTNAMES = ("anna.test", "bert.test", "carl.test", "sql.test")
CHANGES = 4
QUIET_SECONDS = 120.0
SETTINGS: dict[str, Any] = {
    "FACADE_PROBE_ON_SAVE": "false",
    "FACADE_TABLE_CHECK_SECONDS": "2",
    "FACADE_SNAPSHOT_SECONDS": "1",
    # A worker that is stopped has to see nothing, and live: on a busy machine for longer than gunicorn would let it.
    "GUNICORN_CMD_ARGS": "--timeout 300",
}


class Model:
    """One facade, its writers, and what is watched."""

    def __init__(self, scene: Scene, rows: Rows, writers: Sequence[Writer], truth: Truth) -> None:
        self.scene = scene
        self._facade, self._rows, self._writers, self._truth = scene.facade, rows, writers, truth

    def go_through(self, trouble: Trouble) -> None:
        """Writers write, and this goes wrong meanwhile."""
        with all_writing(self._writers, CHANGES):
            trouble(self.scene)

    def go_back(self, way: str) -> None:
        """Writers write, and all of it is lost; then they go on from where they were, to later generations.

        One worker sees nothing of it: it goes on at a generation that has been given to another change since.
        """
        put_back, before = PutBack(self.scene, way), [writer.holding for writer in self._writers]
        with all_writing(self._writers, CHANGES):
            pass
        with one_worker_stopped(self.scene):
            started = time.monotonic()
            put_back()
            for writer, holding in zip(self._writers, before, strict=True):
                writer.turn_to(holding, started, time.monotonic())
            with all_writing(self._writers, CHANGES + 1):
                pass

    def settle(self) -> None:
        """After quiet every worker answers as the rows say, and whatever was said since the last time was true."""
        deadline = time.monotonic() + QUIET_SECONDS
        while differences := self._differences():
            assert time.monotonic() < deadline, "\n".join([*differences, self._facade.output()])
            time.sleep(0.2)
        # A worker that is begun while the database is gone answers from it.
        wait_until(self._snapshot_is_as_the_rows_say, "so is the snapshot", QUIET_SECONDS)
        problems = [problem for said in self.scene.watch.take() if (problem := said.problem(self._truth))]
        assert not problems, "\n".join([f"{len(problems)} answers were wrong", *problems[:3], self._facade.output()])
        self._truth.forget(self._truth.keys)

    def _snapshot_is_as_the_rows_say(self) -> bool:
        try:
            said = self._facade.manage("check_table")
        except LabError as error:
            said = str(error)
        return "snapshot: same as the rows" in said

    def _differences(self) -> list[str]:
        for writer in self._writers:
            found = self._rows.holding(writer.tenant)
            assert found == writer.holding, f"{writer.tenant} has {found} and wrote {writer.holding}"
        pids = self._facade.worker_pids()
        if len(pids) != self._facade.workers:
            return [f"there are workers {pids}"]
        return [difference for pid in pids for difference in self._differences_of(pid)]

    def _differences_of(self, pid: int) -> list[str]:
        newest = self._rows.generation()
        try:
            with Voice(self._facade, pid) as voice:
                answers = voice.ask(self._truth.keys)
        except OSError as error:
            return [f"{pid}: {error!r}"]
        readiness = answers[0].readiness
        if readiness["status"] != "ok" or readiness["generation"] < newest:
            return [f"{pid} says {readiness}, and the rows are of generation {newest}"]
        return [f"{each} is not {right}" for each in answers if each.answer != (right := self._truth.now(each.key))]

    def count(self, of: Callable[[Writer], Counter[str]]) -> Counter[str]:
        """Of all writers together."""
        return sum(map(of, self._writers), Counter())


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_worker_answers_as_the_rows_say(database: str) -> None:
    seed = os.environ.get("FACADE_MODEL_SEED") or secrets.token_hex(4)
    chance = random.Random(seed)
    troubles, ways = TROUBLES[database], WAYS_BACK[database]
    with _model(database, chance) as model:
        rounds = [(each.__name__.replace("_", " "), partial(model.go_through, each)) for each in troubles]
        rounds += [(f"the database goes back: {way}", partial(model.go_back, way)) for way in ways]
        wanted = int(os.environ.get("FACADE_MODEL_ROUNDS") or len(rounds))
        while wanted > 0:
            chance.shuffle(rounds)
            for number, (what, happen) in enumerate(rounds[:wanted]):
                print(f"FACADE_MODEL_SEED={seed}, {wanted - number} rounds to go: {what}", flush=True)
                happen()
                model.settle()
            wanted -= len(rounds)
        print(f"done {model.count(lambda writer: writer.done)}, refused {model.count(lambda writer: writer.refused)}")
        assert set(model.count(lambda writer: writer.done)) >= {"API", "admin", "command", "SQL"}


@contextmanager
def _model(database: str, chance: random.Random) -> Iterator[Model]:
    with ExitStack() as stack:
        if database == "sqlite":
            facade = stack.enter_context(Facade(workers=WORKERS, sqlite=True, **SETTINGS))
            rows, others = Rows(file_of(facade)), None
            scene = partial(Scene, facade=facade, chance=chance)
        else:
            cable = stack.enter_context(Cable())
            server = stack.enter_context(FarPostgresql(cable))
            facade = stack.enter_context(Facade(workers=WORKERS, database_url=server.url, **SETTINGS))
            rows, others = Rows(server.local_url), server.local_url
            scene = partial(Scene, facade=facade, chance=chance, cable=cable, server=server)
        _seed_tenants(facade)
        api = doors.Api(facade, rows, facade.manage("create_api_token", USERNAME, "model").strip())
        admin = doors.Admin(facade, rows, stack.enter_context(doors.signed_in(facade)))
        command = doors.Command(facade, others)
        through: Sequence[Sequence[doors.Door]] = (
            [api],
            [api, admin, admin],
            [api, command],
            [doors.BehindTheBack(rows)],
        )
        truth = Truth()
        writers = [
            Writer(hostname, rows, truth, each, random.Random(chance.random()))
            for hostname, each in zip(HOSTNAMES, through, strict=True)
        ]
        watch = Watch(facade, truth, random.Random(chance.random()))
        stack.enter_context(watch.watching())
        model = Model(scene(watch=watch), rows, writers, truth)
        model.settle()
        yield model


def _seed_tenants(facade: Facade) -> None:
    """Each has a hostname, mappings, and a registry for each."""
    specs = {
        hostname: AddressSpec(
            tuple(
                MappingSpec(prefix, f"http://127.0.0.1:{1025 + 8 * number + port}", prefix, redirect_only=True)
                for port, prefix in enumerate(PREFIXES)
            ),
            probed=False,
        )
        for number, hostname in enumerate(HOSTNAMES)
    }
    facade.seed("addresses", stdin=to_json(specs, "last.test"))
