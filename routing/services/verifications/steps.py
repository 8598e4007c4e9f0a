"""The work behind a report, in steps of some seconds, each of them a job: it is begun, asks, and is settled.

Between two steps everything stands in the database. Whoever does the next one, in whichever process, goes on from
there. What somebody found whose lease had ended meanwhile is thrown away, for another has done that step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple

from routing.conf import client_limits, guard_policy
from routing.core.grammar.docker_hub import DOCKER_HUB_ORIGIN
from routing.database.clock import database_now
from routing.jobs.kinds import VERIFICATIONS, Kind
from routing.jobs.queue import enqueue
from routing.models import Job, Verification
from routing.registries.client import RegistryClient
from routing.registries.probes.registry import Auth, RegistryProbe, probe_registry
from routing.registries.probes.repository import Delivery
from routing.services.base.actor import Actor
from routing.services.base.checking import share_of
from routing.services.base.unit_of_work import UnitOfWork, unit_of_work
from routing.services.verifications.candidates import switch_of
from routing.services.verifications.rows import Found, add_differences, conclude, give_up_rest
from routing.verification.belongings import Place
from routing.verification.comparison import Facts, Pair
from routing.verification.contents import Blobs
from routing.verification.differences import Difference
from routing.verification.differences import Kind as DifferenceKind
from routing.verification.reader import RateLimited, RegistryReader, Tally
from routing.verification.walk import CONCURRENCY, STEP_SECONDS, Errand, Step, Walk
from routing.verification.work import Piece, Work, list_work, parse_wish

PROGRAM = Actor.program("verification")
#: So many errands are laid out for one step at most.
_ERRANDS = 5_000
#: After so many steps in a row that came to nothing, what is left is not compared.
_MAX_TROUBLES = 3
_TROUBLE_PAUSE_SECONDS = 3
#: A report that nobody makes any more is taken up again after so long; in seconds.
_FORGOTTEN_SECONDS = 40
_PER_REFERENCE = {Blobs.NONE: 4, Blobs.SAMPLE: 6, Blobs.ALL: 12}
_LIST_SECONDS = STEP_SECONDS


class _Listed(NamedTuple):
    """What the first step found."""

    steps: int
    work: Work
    tally: Tally
    probes: dict[str, RegistryProbe]
    seconds: float
    pause_seconds: int
    trouble: str


class _Compared(NamedTuple):
    """What another step found. `facts` by the number of the piece."""

    steps: int
    step: Step
    facts: dict[int, Facts]
    tally: Tally


Finding = _Listed | _Compared
_Ask = Callable[[Verification, float], Coroutine[Any, Any, Finding]]


def begin_step(pk: int) -> Callable[[], Finding] | None:
    """What to do without the database; None where there is nothing to do now."""
    row = Verification.objects.select_related("tenant").filter(pk=pk).first()
    if row is None or row.is_over:
        return None
    now = database_now()
    if row.stop_requested or (now - row.created_at).total_seconds() > row.options["max_seconds"]:
        with unit_of_work(PROGRAM, "") as unit:
            locked = Verification.objects.select_for_update().get(pk=pk)
            if not locked.is_over:
                _end_early(unit, locked)
        return None
    if row.not_before is not None and row.not_before > now:
        enqueue(VERIFY, str(pk), share_of(row.tenant), after_seconds=(row.not_before - now).total_seconds())
        return None
    ask: _Ask = _list if row.work is None else _compare
    left = row.options["max_seconds"] - (now - row.created_at).total_seconds()
    return lambda: asyncio.run(ask(row, max(1.0, left)))


def settle_step(pk: int, found: Finding) -> None:
    """Write down what a step found, and have the next one done."""
    with unit_of_work(PROGRAM, "") as unit:
        row = Verification.objects.select_for_update().filter(pk=pk).first()
        if row is None or row.is_over or row.steps != found.steps:
            return
        if isinstance(found, _Listed):
            _settle_list(unit, row, found)
        else:
            _settle_comparison(unit, row, found)
        if not row.is_over:
            pause = 0.0 if row.not_before is None else (row.not_before - database_now()).total_seconds()
            enqueue(VERIFY, str(pk), share_of(row.tenant), after_seconds=max(0.0, pause))


def resume_forgotten() -> None:
    """Have those reports gone on with that no job is there for, such as after a restore."""
    long_ago = database_now() - timedelta(seconds=_FORGOTTEN_SECONDS)
    for row in Verification.objects.select_related("tenant").filter(finished_at=None, changed_at__lt=long_ago)[:100]:
        enqueue(VERIFY, str(row.pk), share_of(row.tenant))


# ---------------------------------------------------------------- asking
def _client() -> RegistryClient:
    return RegistryClient(guard_policy(), client_limits())


def _readers(row: Verification, client: RegistryClient, tally: Tally) -> dict[str, RegistryReader]:
    sides = [side for switch in map(switch_of, row.switches) for side in (switch.old, switch.new)]
    return {side.origin: RegistryReader(client, side.origin, tally) for side in sides}


async def _list(row: Verification, seconds: float) -> _Listed:
    """Find out what there is to compare, and what the new registries ask for."""
    tally, began = Tally(), time.monotonic()
    work, probes, pause, trouble = Work(), {}, 0, ""
    async with _client() as client:
        try:
            async with asyncio.timeout(min(seconds, _LIST_SECONDS)):
                readers = _readers(row, client, tally)
                for origin in {switch["new"]["registry"]["origin"] for switch in row.switches}:
                    probes[origin] = await probe_registry(client, origin)
                switches = [switch_of(each) for each in row.switches]
                wishes = [parse_wish(text) for text in row.options["add"]]
                work = await list_work(switches, readers, wishes, row.options["max_references"])
        except RateLimited as limit:
            pause, trouble = limit.seconds, str(limit)
        except TimeoutError:
            trouble = f"listing took longer than {min(seconds, _LIST_SECONDS):.0f} s"
    return _Listed(row.steps, work, tally, probes, time.monotonic() - began, pause, trouble)


async def _compare(row: Verification, seconds: float) -> _Compared:
    tally = Tally()
    pieces = [Piece(*each) for each in row.work or ()]
    errands = _errands(pieces, row.compared)
    async with _client() as client:
        readers = _readers(row, client, tally)
        pairs = [_pair(row, number, piece, readers) for number, piece in enumerate(pieces)]
        # What a registry stops half-way is begun anew. One after the other, each step gets at least one to its end:
        # sixteen would use up what it lets through, and none would.
        concurrency = 1 if row.trouble else CONCURRENCY
        step = await Walk(pairs, errands, concurrency, seconds).run()
    return _Compared(row.steps, step, {errand.piece: pairs[errand.piece].facts for errand in errands}, tally)


def _errands(pieces: list[Piece], behind: int) -> list[Errand]:
    every = (Errand(number, reference) for number, piece in enumerate(pieces) for reference in piece.references)
    return [errand for number, errand in enumerate(every) if behind <= number < behind + _ERRANDS]


def _pair(row: Verification, number: int, piece: Piece, readers: dict[str, RegistryReader]) -> Pair:
    switch = switch_of(row.switches[piece.switch])
    known = row.facts.get(str(number), {})
    return Pair(
        Place(readers[switch.old.origin], piece.old),
        Place(readers[switch.new.origin], piece.new),
        Blobs(row.options["blobs"]),
        piece.listed,
        Facts(
            known.get("old_public"),
            known.get("new_public"),
            Delivery(known.get("old_delivery", "unknown")),
            Delivery(known.get("new_delivery", "unknown")),
        ),
    )


# ---------------------------------------------------------------- settling
def _settle_list(unit: UnitOfWork, row: Verification, found: _Listed) -> None:
    if found.trouble:
        # That a registry wants to be left alone for a while is no trouble.
        is_stuck = not found.pause_seconds
        pause = found.pause_seconds or _TROUBLE_PAUSE_SECONDS
        _settle_trouble(unit, row, pause, found.trouble, is_stuck=is_stuck, tally=found.tally)
        return
    work = found.work
    unreachable = _take_in_probes(row, found.probes)
    work.differences += [
        (number, row.switches[number]["source"], Difference(DifferenceKind.COULD_NOT_ASK, "", said))
        for number, said in unreachable.items()
    ]
    work.pieces = [piece for piece in work.pieces if piece.switch not in unreachable]
    add_differences(unit, row, [Found(*each) for each in work.differences])
    unit.save_without_history(
        row,
        state=Verification.State.RUNNING,
        switches=row.switches,
        work=[piece.as_json() for piece in work.pieces],
        notes=[*row.notes, *work.notes],
        total=work.total,
        cost=_cost(row, work, found),
        steps=row.steps + 1,
        troubles=0,
        trouble="",
        not_before=None,
        requests=row.requests + found.tally.requests,
        counted_pulls=row.counted_pulls + found.tally.counted_pulls,
    )
    if not work.total or row.options["cost_only"]:
        conclude(unit, row)


def _take_in_probes(row: Verification, probes: dict[str, RegistryProbe]) -> dict[int, str]:
    """Write into the switches what the new registries ask for; by number those whose registry can't be asked."""
    unreachable = {}
    for number, switch in enumerate(row.switches):
        registry = switch["new"]["registry"]
        probe = probes[registry["origin"]]
        if probe.auth in (Auth.NONE, Auth.BASIC, Auth.BEARER):
            registry |= {"auth": probe.auth.value, "realm": probe.realm or "", "service": probe.service or ""}
        else:
            unreachable[number] = f"the candidate can't be asked: {probe.error}"
    return unreachable


def _cost(row: Verification, work: Work, found: _Listed) -> dict[str, int]:
    requests = work.total * _PER_REFERENCE[Blobs(row.options["blobs"])]
    each = min(found.seconds / max(1, found.tally.requests), 2.0)
    hubs = [set(_origins(switch)) == {DOCKER_HUB_ORIGIN} for switch in row.switches]
    counted = sum(len(piece.references) for piece in work.pieces if hubs[piece.switch])
    return {"requests": requests, "counted_pulls": counted, "seconds": max(1, round(requests * each / CONCURRENCY))}


def _origins(switch: dict[str, Any]) -> tuple[str, str]:
    return switch["old"]["registry"]["origin"], switch["new"]["registry"]["origin"]


def _settle_comparison(unit: UnitOfWork, row: Verification, found: _Compared) -> None:
    step, pieces = found.step, [Piece(*each) for each in row.work or ()]
    add_differences(unit, row, [_found(pieces[number], each) for number, each in step.differences])
    row.compared += step.done
    facts = {**row.facts, **{str(number): _plain(each) for number, each in found.facts.items()}}
    unit.save_without_history(row, compared=row.compared, facts=facts)
    if row.compared >= row.total:
        _settle_trouble(unit, row, 0, "", is_stuck=False, tally=found.tally)
        conclude(unit, row)
    else:
        pause = step.pause_seconds or (_TROUBLE_PAUSE_SECONDS * (row.troubles + 1) if step.trouble else 0)
        is_stuck = bool(step.trouble) and not step.done and not step.pause_seconds
        _settle_trouble(unit, row, pause, step.trouble, is_stuck=is_stuck, tally=found.tally)


def _found(piece: Piece, difference: Difference) -> Found:
    return Found(piece.switch, piece.source, difference, piece.old, piece.new)


def _settle_trouble(
    unit: UnitOfWork, row: Verification, pause_seconds: int, trouble: str, *, is_stuck: bool, tally: Tally
) -> None:
    """Count a step, and what kept it from going on. After too many of these the rest is given up."""
    unit.save_without_history(
        row,
        steps=row.steps + 1,
        troubles=row.troubles + 1 if is_stuck else 0,
        trouble=trouble[:500],
        not_before=database_now() + timedelta(seconds=pause_seconds) if pause_seconds else None,
        requests=row.requests + tally.requests,
        counted_pulls=row.counted_pulls + tally.counted_pulls,
    )
    if row.troubles >= _MAX_TROUBLES:
        give_up_rest(unit, row, trouble)


def _end_early(unit: UnitOfWork, row: Verification) -> None:
    if row.stop_requested:
        conclude(unit, row, Verification.State.STOPPED)
    else:
        give_up_rest(unit, row, f"the time of {row.options['max_seconds']} s is over. {row.trouble}".strip())


def _plain(facts: Facts) -> dict[str, Any]:
    return {name: getattr(value, "value", value) for name, value in asdict(facts).items()}


def _begin(job: Job) -> Callable[[], Finding] | None:
    return begin_step(int(job.key))


def _settle(job: Job, found: Finding) -> None:
    settle_step(int(job.key), found)


# A holder that was killed holds its lease for half a minute at most.
VERIFY = Kind("verify", VERIFICATIONS, lambda: STEP_SECONDS, _begin, _settle, margin_seconds=8.0)
