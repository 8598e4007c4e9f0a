"""Change sets in steps, as a running server applies them: its own regular work makes each step, and leads all back.

Clients pull all the while, by the names of many repositories: each has one side between two steps. Nothing here is
timed but what is printed; a busy machine takes as long as it needs.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import psycopg
import pytest
from django.conf import settings

from routing.core.table.step import WHOLE, place_of
from routing.services.changes.steps import LOOK_STEPS
from tests.e2e.facade import USERNAME, Facade
from tests.e2e.lab import addresses, images, process
from tests.e2e.lab.process import Daemon, wait_until
from tests.e2e.lab.registry import Registry
from tests.e2e.postgresql import fresh_database, postgresql_server
from tests.e2e.puller import USER_AGENT, Pull, PullLoop
from tests.e2e.sockets import client_ports
from tests.registries.faulty_server import Exchange, FaultyServer

HOST, PREFIXES, TAG = "docker.acme.test", ("acme", "tools"), "1.0"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
NAMES = [f"{prefix}/app{number}" for number in range(8) for prefix in PREFIXES]
SHARES, PAUSE = (30, 60, 100), 15
#: Between two questions to the API, whose answers take the processors that the pulls need.
ASK_SECONDS = 0.2
#: What is wrong at the new registry is over for everybody within so many seconds, unless the machine is busy.
WITHIN_SECONDS = 10.0
#: Another server goes on within so many seconds.
TAKEN_OVER_SECONDS = 30.0


def moved(made: int) -> set[str]:
    """The repositories that so many steps have moved."""
    share = SHARES[made - 1] * WHOLE // 100 if made else 0
    return {name for name in NAMES if place_of(name) < share}


def test_each_step_moves_some_of_these_names() -> None:
    """Otherwise what follows would say little."""
    assert all(len(moved(made + 1) - moved(made)) > 1 for made in range(len(SHARES)))


# ------------------------------------------------------------------- a run
class Facts(NamedTuple):
    """A set, as the API tells it."""

    state: str
    refusal: str
    generation: int | None
    made: int
    stepped_at: str | None
    next_at: str | None


class Run:
    """A change set of a running facade, and what people see of it by the API."""

    def __init__(self, facade: Facade, host: str, old: str, new: str) -> None:
        self.facade, self.host, self.old, self.new = facade, host, old, new
        found = re.search(r"facade_\S+", facade.manage("create_api_token", USERNAME, secrets.token_hex(4)))
        assert found is not None
        self._token = {"Authorization": f"Bearer {found[0]}"}
        for prefix in PREFIXES:
            facade.manage("add_mapping", host, prefix, f"{old}/{prefix}")
        for name in NAMES[: len(PREFIXES)]:
            facade.wait_for(f"/v2/{name}/manifests/{TAG}", 307, host=host, headers={"User-Agent": USER_AGENT})

    def begin(self) -> None:
        """Draft the set, and have it applied in steps, by the command line."""
        words = ["--all-from", self.old, "--to", self.new, "--hostname", self.host, "--reason", "CHG-1", "--json"]
        drafted = json.loads(self.facade.manage("facade", "changes", "draft", *words))["change_set"]
        self.pk = int(drafted["id"])
        plan = ["--steps", ",".join(map(str, SHARES)), "--pause", str(PAUSE)]
        said = self.facade.manage(
            "facade", "changes", "apply", str(self.pk), "--checksum", str(drafted["checksum"]), *plan
        )
        assert f"Began to apply change set {self.pk} in {len(SHARES)} steps: 30 %, 60 %, 100 %" in said

    def facts(self) -> Facts:
        """As it is now."""
        told = self._get(f"changes/{self.pk}")["change_set"]
        steps = told["steps"] or {"made": 0, "stepped_at": None, "next_at": None}
        at = steps["stepped_at"], steps["next_at"]
        return Facts(told["state"], told["refusal"], told["generation"], steps["made"], *at)

    def wait_for(self, what: str, holds: Callable[[Facts], bool]) -> Facts:
        """As it is once that holds."""
        found: list[Facts] = []

        def is_so() -> bool:
            time.sleep(ASK_SECONDS)
            found.append(self.facts())
            return holds(found[-1])

        wait_until(is_so, what)
        return found[-1]

    def wait_until_live(self, generation: int | None = None) -> None:
        """Until every worker answers by that generation; None: by the newest one."""
        wanted = "" if generation is None else f"?generation={generation}"
        wait_until(lambda: bool(self._get(f"live{wanted}")["is_live"]), "it is live")

    def targets(self) -> set[str]:
        """Where the mappings lead."""
        return {str(each["target"]) for each in self._get(f"mappings?hostname={self.host}")["items"]}

    def deeds(self) -> list[tuple[str, str]]:
        """Who did what to the first of the mappings by the set, the earliest first."""
        entries = self._get("history?noun=mapping")["items"]
        own = [each for each in entries if each["change_set"] == self.pk and each["name"] == f"{self.host}/acme"]
        return [(each["actor"], each["reason"]) for each in reversed(own)]

    def _get(self, path: str) -> Any:
        answer = self.facade.request("GET", f"/api/v1/{path}", headers=self._token)
        assert answer.status == 200, answer.body
        return answer.json()


def began(run: Run) -> list[tuple[str, str]]:
    """The first of its deeds, which a person did."""
    return run.deeds()[:1]


def by_itself(*steps: int) -> list[tuple[str, str]]:
    """What the history says of steps that the server made."""
    return [("program: steps", f"step {each} of 3, {SHARES[each - 1]} %: CHG-1") for each in steps]


def check_one_side_each(run: Run, loop: PullLoop, made: int) -> Facts:
    """Between that step and the next each repository has one side, whoever pulls it and how often.

    Waits until each was pulled once the step was live; what was answered before the next step was made is looked at.
    """
    facts = run.wait_for(f"step {made} is made", lambda facts: facts.made == made)
    run.wait_until_live(facts.generation)
    since = until = time.time()

    def all_pulled() -> bool:
        nonlocal until
        time.sleep(ASK_SECONDS)
        asked_at = time.time()
        assert run.facts().made == made, "the next step was made before all were pulled: the pause is too short"
        until = asked_at
        return {pull.name for pull in within(loop.pulls, since, until)} == set(NAMES)

    wait_until(all_pulled, "each repository is pulled")
    check_sides(run, within(loop.pulls, since, until), moved(made))
    return facts


def check_sides(run: Run, pulls: Sequence[Pull], at_new: set[str]) -> None:
    assert [pull.error for pull in pulls if pull.error] == []
    for pull in pulls:
        side = run.new if pull.name in at_new else run.old
        assert {redirect.origin for redirect in pull.redirects} == {side}, pull
        assert pull.marker == pull.name


def within(pulls: Sequence[Pull], since: float, until: float) -> list[Pull]:
    """Those that were begun and over by then."""
    return [pull for pull in list(pulls) if pull.started_at > since and pull.ended_at < until]


def pulled_since(loop: PullLoop, since: float) -> list[Pull]:
    """What was pulled from then on, once that is all of them."""
    wait_until(lambda: {pull.name for pull in within(loop.pulls, since, time.time())} == set(NAMES), "all are pulled")
    return within(loop.pulls, since, time.time())


# ---------------------------------------------------------------- one server
@pytest.fixture(scope="module")
def facade() -> Iterator[Facade]:
    with Facade(workers=2) as started:
        yield started


@pytest.fixture
def registries() -> Iterator[tuple[Registry, Registry]]:
    """Both have the same, as after a migration."""
    with Registry(addresses.SPARE[20]) as old, Registry(addresses.SPARE[21]) as new:
        for name in NAMES:
            image = images.build(name, layer_kib=4)
            for registry in (old, new):
                registry.push(image, name, TAG)
        yield old, new


@pytest.fixture
def run(facade: Facade, registries: tuple[Registry, Registry]) -> Run:
    old, new = registries
    return Run(facade, f"{secrets.token_hex(4)}.acme.test", old.url, new.url)


def test_the_server_makes_each_step_after_its_pause_and_no_pull_fails(run: Run) -> None:
    with PullLoop(run.facade, run.host, NAMES, TAG, threads=2) as loop:
        pulled_since(loop, time.time())
        run.begin()
        moments = [check_one_side_each(run, loop, made).stepped_at for made in (1, 2)]
        run.wait_for("all of it is applied", lambda facts: facts.state == "applied")
        moments.append(run.facts().stepped_at)
        run.wait_until_live()
        check_sides(run, pulled_since(loop, time.time()), set(NAMES))

    times = [datetime.fromisoformat(moment) for moment in moments if moment is not None]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) == len(SHARES) - 1
    assert all(pause >= timedelta(seconds=PAUSE) for pause in pauses), pauses
    assert run.targets() == {f"{run.new}/{prefix}" for prefix in PREFIXES}
    assert run.deeds() == [*began(run), *by_itself(1, 2, 3)]
    assert [pull.error for pull in loop.pulls if pull.error] == []
    print(f"{len(loop.pulls)} pulls; pauses of {pauses}")


def is_killed(new: Registry) -> None:
    new.kill()


def loses_all(new: Registry) -> None:
    shutil.rmtree(new.directory / "storage/docker/registry/v2/repositories")


@pytest.mark.parametrize("fails", [is_killed, loses_all])
def test_where_the_new_registry_fails_at_step_two_the_server_leads_all_back(
    run: Run, registries: tuple[Registry, Registry], fails: Callable[[Registry], None]
) -> None:
    with at_step_two(run) as loop:
        fails(registries[1])

        facts = run.wait_for("all is led back", lambda facts: facts.state == "draft")
        run.wait_until_live()
        back_at = time.time()
        check_sides(run, pulled_since(loop, back_at), set())

    failed = [pull for pull in loop.pulls if pull.error]
    ends = [pull.ended_at for pull in failed]
    # Where the gate looks at that very moment nobody has noticed.
    took = max(ends) - min(ends) if ends else 0
    print(f"{fails.__name__}: {len(failed)} of {len(loop.pulls)} pulls failed, for {took:.1f} s")
    assert {pull.name for pull in failed} <= moved(2)
    assert all(pull.started_at < back_at for pull in failed)
    check_led_back(run, facts)


def test_so_it_is_where_the_new_registry_falls_silent_and_who_waits_for_it_is_served_later(
    run: Run, registries: tuple[Registry, Registry]
) -> None:
    with at_step_two(run) as loop:
        silent_at = time.time()
        with registries[1].silent():
            facts = run.wait_for("all is led back", lambda facts: facts.state == "draft")
            run.wait_until_live()
            back_at = time.time()
        check_sides(run, pulled_since(loop, back_at), set())

    print(f"silent: led back after {back_at - silent_at:.1f} s")
    assert [pull.error for pull in loop.pulls if pull.error] == []
    check_led_back(run, facts)


@contextmanager
def at_step_two(run: Run) -> Iterator[PullLoop]:
    """A loop of pulls that goes on since before the first step."""
    with PullLoop(run.facade, run.host, NAMES, TAG, threads=2) as loop:
        pulled_since(loop, time.time())
        run.begin()
        for made in (1, 2):
            check_one_side_each(run, loop, made)
        yield loop


def check_led_back(run: Run, facts: Facts) -> None:
    assert facts.refusal.startswith("returned by itself at step 2 of 3 (60 %): of ")
    assert "can't be had there" in facts.refusal
    assert run.targets() == {f"{run.old}/{prefix}" for prefix in PREFIXES}
    assert run.deeds() == [*began(run), *by_itself(1, 2), ("program: steps", facts.refusal)]
    # How long it took is the machine's; how often the gate looks is not.
    assert 3 * settings.FACADE_STEP_LOOK_SECONDS <= WITHIN_SECONDS


# --------------------------------------------------------------- two servers
class Upstream:
    """A registry that has these repositories, until it is told to lose them."""

    def __init__(self) -> None:
        self.server = FaultyServer()
        self.has_them = True
        #: Called with the port of whoever asks for a manifest.
        self.when_asked: Callable[[int], None] = lambda port: None
        self.server.answers_json("/v2/", {})
        for name in NAMES:
            self.server.on(f"/v2/{name}/manifests/{TAG}", self._answer)

    def _answer(self, exchange: Exchange) -> None:
        self.when_asked(exchange.sock.getpeername()[1])
        if self.has_them:
            headers = {"Content-Type": MANIFEST_TYPE, "Docker-Content-Digest": f"sha256:{'0' * 64}"}
            exchange.answer(200, headers, b"{}")
        else:
            exchange.answer(404, {"Content-Type": "application/json"}, b'{"errors":[]}')


@pytest.fixture
def upstreams() -> Iterator[tuple[Upstream, Upstream]]:
    old, new = Upstream(), Upstream()
    yield old, new
    old.server.stop()
    new.server.stop()


@pytest.fixture
def two() -> Iterator[tuple[Facade, list[Daemon]]]:
    """A server that does no regular work, and two that do nothing else, on one PostgreSQL."""
    with ExitStack() as stack:
        url = stack.enter_context(fresh_database(stack.enter_context(postgresql_server())))
        facade = stack.enter_context(Facade(workers=1, database_url=url, FACADE_MAINTAIN="false"))
        daemons = []
        for _ in range(2):
            folder = process.short_directory("maintain")
            stack.callback(process.remove, folder)
            daemon = Daemon(facade.manage_argv("maintain"), folder, facade.env | {"FACADE_STATE_DIR": str(folder)})
            stack.callback(daemon.stop)
            daemons.append(daemon)
        for daemon in daemons:
            wait_until((daemon.directory / "maintenance.json").exists, "it does the regular work")
        yield facade, daemons


def test_where_who_looks_is_killed_another_goes_on_and_no_step_is_made_twice(
    two: tuple[Facade, list[Daemon]], upstreams: tuple[Upstream, Upstream]
) -> None:
    (facade, daemons), (old, new) = two, upstreams
    run = Run(facade, HOST, old.server.url, new.server.url)
    pull_all_until_counted(run)
    run.begin()
    first = run.wait_for("the first step is made", lambda facts: facts.made == 1)
    assert first.next_at is not None
    due_at = datetime.fromisoformat(first.next_at).timestamp()
    looked: list[tuple[float, int]] = []

    def kill_at_the_second_step(port: int) -> None:
        """The first that asks once that is due dies while it waits for the answer, before it can make the step."""
        (pid,) = [each.pid for each in daemons if new.server.port in client_ports(each.pid, port)]
        with lock:
            is_first = time.time() > due_at and not looked
            if looked or is_first:
                looked.append((time.time(), pid))
        if is_first:
            os.kill(pid, signal.SIGKILL)

    lock = threading.Lock()
    new.when_asked = kill_at_the_second_step
    run.wait_for("the second step is made", lambda facts: facts.made == 2)

    (killed_at, killed), others = looked[0], [each for each in looked if each[1] != looked[0][1]]
    print(f"{others[0][0] - killed_at:.1f} s after it was killed another asks")
    assert [each.running for each in daemons] == [each.pid != killed for each in daemons]
    # How long it took is the machine's; how long its lease lasts is not.
    lease_seconds = LOOK_STEPS.seconds() + LOOK_STEPS.margin_seconds
    assert lease_seconds + settings.FACADE_STEP_LOOK_SECONDS <= TAKEN_OVER_SECONDS
    assert run.deeds() == [*began(run), *by_itself(1, 2)]
    new.when_asked = lambda port: None

    new.has_them = False

    facts = run.wait_for("all is led back", lambda facts: facts.state == "draft")
    check_led_back(run, facts)


def pull_all_until_counted(run: Run) -> None:
    """What clients pulled lately is what the gate asks for."""
    for name in NAMES:
        run.facade.wait_for(f"/v2/{name}/manifests/{TAG}", 307, host=run.host, headers={"User-Agent": USER_AGENT})

    def are_counted() -> bool:
        with psycopg.connect(run.facade.env["DATABASE_URL"]) as connection:
            rows = connection.execute("SELECT DISTINCT repository FROM routing_referencecount").fetchall()
        return {row[0] for row in rows} == set(NAMES)

    wait_until(are_counted, "all of them are counted")
