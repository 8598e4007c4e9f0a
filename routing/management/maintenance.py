"""The work that nobody asks for: what is done when, and by which server.

All of it is put in the queue, or takes a few statements, so that one round never waits for another machine.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from routing.accounts.mail import LETTER
from routing.database.connections import give_back_connection
from routing.database.postgresql import is_standby
from routing.dataplane.live.badges_file import HostBadges, Numbers, write_badges
from routing.dataplane.live.maintenance_file import LastRound, write_rounds
from routing.diagnosis.self_test import SELF_TEST, count_failing, queue_due_self_tests
from routing.jobs import queue
from routing.jobs.lease import hold, let_go
from routing.jobs.rounds import note_round, seconds_since_rounds
from routing.jobs.runner import Runner
from routing.models.restoration import unconfirmed_restoration
from routing.request_id import request_id
from routing.services.base import rates
from routing.services.base.history_bound import trim_history
from routing.services.base.history_strays import note_chain
from routing.services.changes.reading import count_steps
from routing.services.changes.schedule import APPLY_SET, apply_due
from routing.services.changes.steps import LOOK_STEPS, look_due
from routing.services.hostnames.badges import said_by_badges
from routing.services.hostnames.certificates import FETCH_CERTIFICATE
from routing.services.hostnames.proof_checks import CHECK_HOSTNAME, recheck_due
from routing.services.mappings.former import end_former_targets
from routing.services.people.notices import NOTICE
from routing.services.pulls.retention import forget_old_counts
from routing.services.registries.answers import forget_old_answers
from routing.services.registries.probe_jobs import probe_contacts, probe_stale
from routing.services.registries.probes import PROBE_MAPPING, PROBE_REGISTRY
from routing.services.standbys.health import ASK, ask_due
from routing.services.standbys.reading import count_failed_over
from routing.services.telling import deliveries
from routing.services.telling.deliveries import TELL, TELL_BY_MAIL
from routing.services.verifications.steps import VERIFY, resume_forgotten
from routing.services.watching.reading import count_drifted
from routing.services.watching.watches import WATCH, watch_due

logger = logging.getLogger("routing.maintain")

KINDS = (
    *(PROBE_REGISTRY, PROBE_MAPPING, CHECK_HOSTNAME, FETCH_CERTIFICATE),
    *(APPLY_SET, NOTICE, LETTER, TELL, TELL_BY_MAIL, VERIFY, WATCH, ASK, LOOK_STEPS, SELF_TEST),
)
#: Of several servers one puts the regular work in the queue: whoever holds this lease. All of them do it.
LEASE = "maintenance"
ROUND_SECONDS = 30.0
_HOUR = 3600.0
_LEASE_SECONDS = 3 * ROUND_SECONDS
_AFTER_ERROR_SECONDS = 5.0
_TELL_SECONDS = 5.0
_BADGES_SECONDS = 600.0


class Task(NamedTuple):
    """One regular piece of work."""

    name: str
    every_seconds: float
    do: Callable[[], object]


TASKS = (
    Task("standbys", 5.0, ask_due),
    Task("steps", 5.0, look_due),
    Task("plans", ROUND_SECONDS, apply_due),
    Task("proofs", ROUND_SECONDS, lambda: recheck_due(ROUND_SECONDS)),
    Task("probes", ROUND_SECONDS, lambda: probe_stale(settings.FACADE_PROBE_SECONDS)),
    # Before former targets end: they say what is to be watched.
    Task("watches", ROUND_SECONDS, watch_due),
    Task("self tests", ROUND_SECONDS, queue_due_self_tests),
    Task("former targets", ROUND_SECONDS, end_former_targets),
    Task("verifications", ROUND_SECONDS, resume_forgotten),
    Task("contacts", _HOUR, lambda: probe_contacts(settings.FACADE_PROBE_SECONDS)),
    Task("queue", _HOUR, queue.sweep),
    Task("deliveries", _HOUR, deliveries.sweep),
    Task("rates", _HOUR, rates.sweep),
    Task("history", _HOUR, trim_history),
    Task("chain", _HOUR, note_chain),
    Task("statistics", _HOUR, forget_old_counts),
    Task("answers", _HOUR, forget_old_answers),
    Task("sessions", _HOUR, lambda: import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()),
)


class Schedule:
    """Does each task when its time has come, on one server at a time."""

    def __init__(self) -> None:
        self.holder = f"{os.uname().nodename} {os.getpid()}"
        self._next = dict.fromkeys((task.name for task in TASKS), 0.0)

    def run(self, stop: threading.Event) -> None:
        """Go on until told to stop; then another server may."""
        is_holder, renew_at = False, 0.0
        while not stop.is_set():
            # Long before its end, and not at every look: each time is a write.
            if not is_holder or time.monotonic() >= renew_at:
                is_holder, renew_at = hold(LEASE, self.holder, _LEASE_SECONDS), time.monotonic() + ROUND_SECONDS
            if is_holder:
                self._do_due()
            # SQLite's stays with a file that was replaced.
            give_back_connection()
            stop.wait(1)
        let_go(LEASE, self.holder)

    def _do_due(self) -> None:
        due = [task for task in TASKS if time.monotonic() >= self._next[task.name]]
        if not due or waits_for_confirmation():
            return
        for task in due:
            if do(task):
                note_round(task.name, self.holder)
            self._next[task.name] = time.monotonic() + task.every_seconds


class _Word:
    """Says once that everything waits, and once that it goes on."""

    def __init__(self) -> None:
        self._lock, self._waited = threading.Lock(), False

    def say(self, waits: bool) -> None:
        with self._lock:
            changed, self._waited = waits != self._waited, waits
        if changed and waits:
            logger.warning(
                "a backup was restored into this database: jobs, schedules and mails wait until somebody confirms that "
                "this facade is the one that serves, by “manage.py confirm_restore” or in the admin"
            )
        elif changed:
            logger.info("the restore is confirmed: jobs, schedules and mails go on")


_word = _Word()


def waits_for_confirmation() -> bool:
    """Whether a restore keeps all of this from being done; says so in the log. Raises django.db.Error."""
    waits = unconfirmed_restoration() is not None
    _word.say(waits)
    return waits


def do(task: Task) -> bool:
    """Do a task as one call. False where it failed, which keeps no other from being done. Raises DatabaseError."""
    try:
        with request_id():
            task.do()
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        logger.exception("the regular work failed: %s", task.name)
        return False
    return True


def do_all() -> None:
    """Do every task now. Raises DatabaseError."""
    for task in TASKS:
        do(task)


def tell_workers() -> None:
    """Leave for the workers of this machine when each task was last done, on whichever server, and what was found.

    Raises django.db.Error, OSError.
    """
    ago, now = seconds_since_rounds(), time.time()
    rounds = {task.name: LastRound(now - ago[task.name], task.every_seconds) for task in TASKS if task.name in ago}
    numbers = {**count_drifted(), **count_failed_over(), **count_steps(), **count_failing()}
    write_rounds(rounds, waits=unconfirmed_restoration() is not None, numbers=numbers)


def tell_badges() -> None:
    """Leave for the workers of this machine what badges say. Raises django.db.Error, OSError."""
    said = said_by_badges()
    write_badges({name: HostBadges(each.passed, _numbers(each.repositories)) for name, each in said.items()})


def _numbers(repositories: Mapping[str, tuple[int, int, str]]) -> dict[str, Numbers]:
    return {name: Numbers(*facts) for name, facts in repositories.items()}


def keep_telling(stop: threading.Event) -> None:
    """Tell them until told to stop, also where others do the work, or the database is a standby."""
    complained, badges_at = False, float("-inf")
    while not stop.is_set():
        try:
            tell_workers()
            if time.monotonic() - badges_at >= _BADGES_SECONDS:
                badges_at = time.monotonic()
                tell_badges()
            complained = False
        except (DatabaseError, InterfaceError):
            pass  # Others say so. What is told grows late meanwhile.
        except OSError as error:
            if not complained:
                logger.warning("the state of the regular work can't be written: %s", error)
            complained = True
        except Exception:
            logger.exception("the state of the regular work can't be told; trying again")
        give_back_connection()
        stop.wait(_TELL_SECONDS)


def work(stop: threading.Event) -> None:
    """Do jobs until told to stop."""
    runner = Runner(KINDS, waits_for_confirmation)
    try:
        runner.run(stop)
    finally:
        runner.close()


def steadily(part: Callable[[threading.Event], None], stop: threading.Event) -> None:
    """Begin a part again whenever it breaks off, until told to stop.

    A database that is gone is waited for, and a standby's promotion: all of it writes.
    """
    waited = False
    while not stop.is_set():
        try:
            waits = is_standby()
            if not waits:
                part(stop)
            elif not waited:
                logger.info("the database is a read-only standby: maintenance begins when it is promoted")
            waited = waits
        except (DatabaseError, InterfaceError) as error:
            logger.warning("maintenance waits for the database: %s", type(error).__name__)
        except Exception:
            logger.exception("maintenance broke off; it begins again")
        finally:
            connections.close_all()
        stop.wait(0 if stop.is_set() else _AFTER_ERROR_SECONDS)
