"""The live table: what this process answers from, and the thread that follows the database.

A request reads `live_table.table` once and is answered from that table, whatever happens meanwhile. The database may be
gone for days: the last table stays, and a process that starts meanwhile reads the last snapshot.
"""

import contextlib
import gc
import logging
import os
import random
import threading
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from routing.conf import (
    alarm_path,
    database_identity,
    freeze_path,
    load_lock_path,
    policy,
    reports_folder,
    snapshot_path,
)
from routing.core.table import routing_table as core
from routing.database.deadline import answered_within
from routing.database.failures import Failure, failure_of
from routing.database.migrated import missing_migrations
from routing.database.outage import outage
from routing.database.postgresql import is_standby
from routing.dataplane.live.change_signal import ChangeSignal
from routing.dataplane.live.comparison import (
    SNAPSHOT_WRITER,
    WORKER,
    Comparison,
    Outcome,
    Report,
    begun_at,
    withdraw_report,
    write_report,
)
from routing.dataplane.live.hold import Changed, Hold, read_alarm, would_be_too_much, write_alarm
from routing.dataplane.live.served_teller import ServedTeller
from routing.dataplane.live.whole_load import in_turn
from routing.dataplane.telemetry.metrics import TABLE_COMPARED, TABLE_LOADS, observe_change
from routing.table import snapshot
from routing.table.freeze import Freeze, kept_path, read_freeze
from routing.table.sqlite_file import SQLiteFileWatch

if TYPE_CHECKING:
    from routing.table.change_log import DoesNotFit
    from routing.table.row_check import RowCheck

logger = logging.getLogger(__name__)

# A database that was gone so many seconds ago is not waited for again before a fork.
_GONE_SECONDS = 15.0
# A look is a few rows. A whole table may be millions: to count them takes long; then a thousand come at a time.
_LOOK_SECONDS, _LOAD_SECONDS, _ROWS_SECONDS = 5.0, 60.0, 15.0
# After some polls a look at a database that was gone may take so long: a pool's wait, a connection's, and its own.
_NEXT_LOOK_SECONDS = 15.0
# Without a word from the database for so long, and some polls, a table may be an old one.
_STALE_SECONDS = 3.0
_STALE_POLLS = 4
# How often a follower asks whether the rows were checked.
_COMPARE_SECONDS = 5.0
_GONE = "database unreachable"
_LOGGED = {
    Failure.NOT_MIGRATED: "the database was not migrated: run “manage.py migrate”",
    Failure.INCOMPLETE: "the database is incomplete, as while a backup is put back",
    Failure.DAMAGED: "the database is damaged",
    Failure.BUSY: "the database is too busy to be asked",
    Failure.UNREADABLE: "the routing table can't be made of what the database holds",
}
_DATABASE_ERRORS = (DatabaseError, InterfaceError, OSError)


class LiveTable:
    """One table for this process, swapped in one assignment when the database has a newer generation."""

    def __init__(self, role: str = WORKER) -> None:
        self.role = role
        self.table: core.Table | None = None
        self.confirmed_at: float | None = None
        # The same by the clock on the wall, for comparing with a snapshot's.
        self._confirmed_time = 0.0
        self.source = ""
        self._following = False
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._failure: Failure | None = None
        self._failed_at = 0.0
        # Why a whole load was begun that has not ended well yet.
        self._misfit = ""
        self._lacks_migrations: bool | None = None
        self._is_standby = False
        self._signal = ChangeSignal(self._stop)
        self._file = SQLiteFileWatch()
        self._file_replaced = False
        self._comparison = Comparison()
        self._compare_from = 0.0
        self._inherited: core.Table | None = None
        # What this process has said of itself last: how its table compared, and which generation it serves.
        self._compared: tuple[str, Outcome] = ("", Outcome.UNKNOWN)
        self._said: tuple[int, bool] | None = None
        self._teller, self._tell_from = ServedTeller(), 0.0
        # While an older table is served on purpose, and the newest that is there meanwhile.
        self._hold: Hold | None = None
        self._newest: core.Table | None = None
        os.register_at_fork(after_in_child=self._forget_thread)

    def get(self) -> core.Table | None:
        """The table to answer one request from; None while none could ever be loaded. Never touches the database."""
        if not self._following:
            self.follow()
        return self.table

    @property
    def age_seconds(self) -> float | None:
        """How long ago the database last confirmed that the table is the newest; None: never."""
        return None if self.confirmed_at is None else time.monotonic() - self.confirmed_at

    @property
    def reachable(self) -> bool:
        """Whether the database answers: when it was last asked, and of late. One that is silent does not."""
        age = self.age_seconds
        return (
            age is not None
            and not self._unreachable
            and age < _STALE_SECONDS + _STALE_POLLS * settings.FACADE_POLL_SECONDS
        )

    @property
    def database(self) -> str:
        """In a word, how the database was found when it was last asked: `ok`, or what is the matter."""
        if self._failure is not None:
            return self._failure.value
        if self._lacks_migrations:
            return Failure.NOT_MIGRATED.value
        if not self.reachable:
            return "silent"
        return Failure.READ_ONLY.value if self._is_standby else "ok"

    @property
    def hold(self) -> Hold | None:
        """Why an older table than the newest is served; None where the newest is."""
        return self._hold

    @property
    def newest(self) -> core.Table | None:
        """The newest table that is known, served or not."""
        return self.table if self._hold is None else self._newest

    @property
    def _unreachable(self) -> bool:
        return self._failure is not None

    @property
    def is_followed(self) -> bool:
        """Whether a thread of its own brings it up to date."""
        return self._following

    def follow(self) -> None:
        """Start the thread that follows the database, once a process."""
        if self._following or not settings.FACADE_FOLLOW_CHANGES:
            return
        self._following = True
        self._thread = threading.Thread(target=self._run, name="live-table", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection to the database; the table stays. Takes up to FACADE_POLL_SECONDS."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._stop.clear()
        self._thread, self._following = None, False
        # Or it would be waited for: the first process follows the table until it forks the first worker.
        withdraw_report(reports_folder())
        self._said = None

    def before_fork(self) -> None:
        """Make this process fit to be forked: its table as new as can be had, no thread, no connection.

        What is there is left to its children to share: nothing that the collector would touch, and so copy.
        """
        self.stop()
        self._look_at_the_button()
        # Finding that it is still gone takes seconds, for each of the workers that are to be started.
        if not self._unreachable or time.monotonic() - self._failed_at > _GONE_SECONDS:
            self.refresh_or_keep()
        if self._unreachable:
            self._read_newer_snapshot()
        else:
            self._compare_for_children()
        connections.close_all()
        for each in connections.all(initialized_only=True):
            if each.vendor == "postgresql":
                each.close_pool()  # type: ignore[attr-defined]  # its threads wouldn't be there in a child
        gc.freeze()

    def refresh(self) -> bool:
        """Bring the table up to date now; True where it changed. Raises django.db.DatabaseError."""
        from routing.table.change_log import DoesNotFit, LoadReason

        table, served = self.newest, self.table
        # Before it is asked: this process may be stopped between its answer and the next line.
        asked_at, asked_time = time.monotonic(), time.time()
        self._file_replaced = self._file.before() or self._file_replaced
        try:
            if table is None:
                raise DoesNotFit(LoadReason.FIRST, "there is none yet")
            if self._file_replaced:
                raise DoesNotFit(LoadReason.FILE_REPLACED, "the database file was replaced")
            self._follow_changes(table)
        except DoesNotFit as misfit:
            self._load_whole(misfit)
            self._file_replaced = False
        self._file.after()
        self._note_standby()
        self._look_for_confirmation()
        self.confirmed_at, self._confirmed_time = asked_at, asked_time
        self.source = "database"
        return self.table is not served

    def refresh_or_keep(self) -> None:
        """Refresh; where that can't be done, for whatever reason, say so once, and keep what there is."""
        self._look_at_the_button()
        try:
            self.refresh()
        except Exception as error:
            # Whatever goes wrong: a server that starts must not end, for there is the snapshot.
            failure = failure_of(error) or (Failure.GONE if _is_of_database(error) else Failure.UNREADABLE)
            if failure != self._failure:
                _log_failure(failure, error)
            self._failure, self._failed_at = failure, time.monotonic()
            if failure.is_outage:
                outage.begin(failure, _NEXT_LOOK_SECONDS + 4 * settings.FACADE_POLL_SECONDS)
            self._signal.close()
            connections.close_all()
            if self.table is None:
                self._read_snapshot()
        else:
            if self._unreachable:
                logger.warning("database reachable again")
            self._failure = None
            outage.end()

    def compare(self) -> Outcome | None:
        """Compare the table with the last check of the rows, and load it anew where they differ.

        None where there is nothing new to compare with. Raises django.db.DatabaseError.
        """
        table = self.newest
        check, outcome = self._compare()
        if check is None or table is None or outcome is None:
            return None
        if outcome is not Outcome.UNKNOWN:
            TABLE_COMPARED.set(check.at.timestamp())
        self._compared, self._said = (check.at.isoformat(), outcome), None
        self.tell_what_is_served()
        return outcome

    def tell_what_is_served(self) -> None:
        """Write this process' report, where it serves another generation than it said last."""
        table, held, pid = self.table, self._hold is not None, os.getpid()
        if table is None or self._said == (table.generation, held):
            return
        report = Report(pid, begun_at(pid), self.role, table.generation, *self._compared, held)
        with contextlib.suppress(OSError):
            write_report(reports_folder(), report)
            self._said = (table.generation, held)

    def _tell_servers(self) -> None:
        """Where it is for this process to tell all servers of those of this machine."""
        if self._unreachable or self._is_standby or self.role == SNAPSHOT_WRITER:
            return
        if self.role == WORKER:
            # Mostly a control worker does: a look now and then finds that there is none.
            if time.monotonic() < self._tell_from:
                return
            self._tell_from = time.monotonic() + _COMPARE_SECONDS
        try:
            with answered_within(_LOOK_SECONDS):
                self._teller.tell_if_first()
        except _DATABASE_ERRORS:
            # As while this release waits for its migrations. The next look says what is the matter.
            logger.debug("what is served could not be told", exc_info=True)

    def _compare(self) -> "tuple[RowCheck | None, Outcome | None]":
        from routing.table.change_log import DoesNotFit, LoadReason
        from routing.table.row_check import last_check

        with answered_within(_LOOK_SECONDS):
            check = last_check()
        if check is None or self.newest is None:
            return check, None
        outcome = self._comparison.compare(check, self.newest)
        if outcome is Outcome.DIFFERS:
            found = f"the table of generation {check.state.generation} is not what the rows say"
            self._load_whole(DoesNotFit(LoadReason.DIFFERS, found))
        return check, outcome

    def _compare_for_children(self) -> None:
        """What workers have found wrong and mended is not handed on to those that are forked later.

        Without a report: this process answers nobody. The children compare, and report, by themselves.
        """
        try:
            self._compare()
        except Exception as error:
            level = logging.DEBUG if _is_of_database(error) else logging.ERROR
            logger.log(level, "the table could not be compared", exc_info=True)
        self._comparison.compared_at = None

    def compare_now_and_then(self) -> None:
        """Compare where the database is there, and it was not done just now."""
        if self._unreachable or time.monotonic() < self._compare_from:
            return
        self._compare_from = time.monotonic() + _COMPARE_SECONDS
        try:
            if self._lacks_migrations is not False:
                self._look_for_migrations()
            self.compare()
        except _DATABASE_ERRORS:
            # The next look says what is the matter.
            logger.debug("the table could not be compared", exc_info=True)

    def _note_standby(self) -> None:
        with answered_within(_LOOK_SECONDS):
            was, self._is_standby = self._is_standby, is_standby()
        if self._is_standby and not was:
            logger.warning("the database is a read-only standby: it is followed, and nothing can be changed here")
        elif was and not self._is_standby:
            logger.warning("the database was promoted: changes are taken from now on")

    def _look_for_migrations(self) -> None:
        """Say so, once, where this release needs more than the database has. Raises django.db.DatabaseError."""
        with answered_within(_LOOK_SECONDS):
            missing = missing_migrations()
        if missing and not self._lacks_migrations:
            logger.error("the database lacks migrations of this release, %s: run “manage.py migrate”", missing[-1])
        self._lacks_migrations = bool(missing)

    def _read_snapshot(self) -> None:
        try:
            header, self.table = snapshot.read(snapshot_path(), policy(), database_identity())
        except FileNotFoundError:
            return
        except (snapshot.InvalidSnapshot, OSError) as error:
            logger.error("the snapshot of the routing table can't be used: %s", error)
        else:
            self.source, self._confirmed_time = "snapshot", header.time
            self._comparison.start_from(self.table)
            logger.warning("serving from the snapshot of generation %d", self.table.generation)

    def _read_newer_snapshot(self) -> None:
        """Others may have followed the database longer than this process did, before it went.

        The later word of the database counts, not the greater generation: that of another history may be greater.
        """
        if self._hold is not None:
            return
        try:
            written = snapshot.read_header(snapshot_path(), database_identity())
        except (snapshot.InvalidSnapshot, OSError):
            return
        if self.table is not None and written.state != self.table.state and written.time > self._confirmed_time:
            self._read_snapshot()

    def _follow_changes(self, table: core.Table) -> None:
        from routing.table import change_log

        while True:
            with answered_within(_LOOK_SECONDS):
                changes = change_log.changes_since(table.state, len(table.mappings))
            if changes:
                table = self._apply(table, [each.change for each in changes])
                self._take(table, [((each.change.kind, each.change.key), each.change.generation) for each in changes])
                self._comparison.trim()
            for each in changes:
                observe_change(time.time() - each.at.timestamp())
            if len(changes) < change_log.MAX_CHANGES:
                return

    def _apply(self, table: core.Table, changes: list[core.Change]) -> core.Table:
        from routing.table.change_log import DoesNotFit, LoadReason

        try:
            return table.apply(changes, self._comparison.trail)
        except core.InvalidChange as error:
            raise DoesNotFit(LoadReason.UNKNOWN_CHANGE, str(error)) from error

    def _load_whole(self, misfit: "DoesNotFit") -> None:
        from routing.table.change_log import LoadReason
        from routing.table.load import load_table

        if misfit.reason is not LoadReason.FIRST and self._misfit != str(misfit):
            logger.error("%s; loading the whole table", misfit)
        self._misfit = str(misfit)
        # What is old can wait for the other workers' loads; what is wrong can't.
        turn = in_turn(load_lock_path()) if misfit.reason.leaves_an_old_table else contextlib.nullcontext()
        with turn, answered_within(_LOAD_SECONDS) as extend:
            table = load_table(policy(), still_there=lambda: extend(_ROWS_SECONDS))
        self._misfit = ""
        self._comparison.start_from(table)
        is_another_history = misfit.reason in (LoadReason.ANOTHER_HISTORY, LoadReason.FILE_REPLACED)
        self._take(table, None, is_another_history=is_another_history)
        TABLE_LOADS.labels(misfit.reason).inc()

    def _take(self, table: core.Table, changed: Changed, *, is_another_history: bool = False) -> None:
        """Serve this table from now on, or, where an older one is held, what that comes to with it."""
        served = self.table
        if self._hold is None and served is not None and would_be_too_much(served, table, changed):
            self._hold = Hold(served, is_another_history=is_another_history)
        if self._hold is None:
            self.table = table
            return
        self._newest = table
        self.table = self._hold.follow(table, changed)
        if self._hold.alarm is not None:
            write_alarm(alarm_path(), self._hold.alarm)

    def _look_at_the_button(self) -> None:
        """Freeze, thaw, or freeze at another generation, as the file says. Needs no database."""
        freeze, hold = read_freeze(freeze_path()), self._hold
        if hold is not None and hold.freeze is not None and freeze is None:
            logger.warning("thawed: the newest table is served again")
            self._let_go()
        elif freeze is not None and (hold is None or hold.freeze != freeze):
            self._hold_at(freeze)
        elif freeze is None and hold is None and self.table is None and read_alarm(alarm_path()) is not None:
            # Begun while others of this machine wait for a confirmation: what they serve is in the snapshot.
            self._read_snapshot()

    def _hold_at(self, freeze: Freeze) -> None:
        if self.table is None:
            self._read_snapshot()
        newest, base = self.newest, self.table
        if freeze.generation is not None and (base is None or base.generation != freeze.generation):
            try:
                base = snapshot.read(kept_path(snapshot_path(), freeze.generation), policy(), database_identity())[1]
            except (snapshot.InvalidSnapshot, OSError) as error:
                logger.error("generation %d can't be served, what there is is held: %s", freeze.generation, error)
        if base is None:
            # With the first table that there is.
            return
        if self._hold is not None and self._hold.alarm is not None:
            write_alarm(alarm_path(), None)
        self._hold, self._newest = Hold(base, freeze), newest
        self.table = base if newest is None or newest is base else self._hold.follow(newest, None)
        said = (
            "the table is frozen at generation %d: changes are not served before it is thawed, but for what they refuse"
        )
        logger.warning(said, base.generation)

    def _let_go(self) -> None:
        """Serve the newest table."""
        if self._hold is not None and self._hold.alarm is not None:
            write_alarm(alarm_path(), None)
        newest, self._hold, self._newest = self._newest, None, None
        self.table = newest or self.table

    def _look_for_confirmation(self) -> None:
        """Go on where somebody vouches for what is held back. Raises django.db.DatabaseError."""
        if self._hold is None or self._hold.freeze is not None:
            return
        from routing.table.confirmation import last_confirmation

        with answered_within(_LOOK_SECONDS):
            confirmed = last_confirmation()
        if self._hold.is_over(confirmed):
            logger.warning("what was held back is confirmed, or was put right: the newest table is served")
            self._let_go()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.refresh_or_keep()
                self.tell_what_is_served()
                self._tell_servers()
                self.compare_now_and_then()
                self._wait()
            except Exception:
                # The thread must outlive whatever happens: without it, repoints would silently stop to arrive.
                logger.exception("following the table failed; trying again")
                self._stop.wait(settings.FACADE_POLL_SECONDS)
        self._signal.close()
        connections.close_all()

    def _wait(self) -> None:
        seconds = settings.FACADE_POLL_SECONDS
        if self._unreachable:
            # Not all at once, when a database comes back to many workers.
            self._stop.wait(seconds * random.uniform(1, 4))  # noqa: S311
        else:
            self._signal.wait(seconds)

    def _forget_thread(self) -> None:
        # Never let go of: to free what is shared with the first process would write to all of it, and so copy it first.
        self._inherited = self.table
        self._following = False
        self._thread = None
        # Its report is the parent's.
        self._compared, self._said, self._teller = ("", Outcome.UNKNOWN), None, ServedTeller()
        # Its connection stays the parent's.
        self._signal = ChangeSignal(self._stop)


def _is_of_database(error: Exception) -> bool:
    return isinstance(error, _DATABASE_ERRORS)


def _log_failure(failure: Failure, error: Exception) -> None:
    # Of the database's own messages none: they may hold what was sent to it.
    found = error if isinstance(error, OSError) else type(error).__name__
    fault = None if _is_of_database(error) else error
    logger.error("%s; redirects go on from the last table: %s", _LOGGED.get(failure, _GONE), found, exc_info=fault)


live_table = LiveTable()
