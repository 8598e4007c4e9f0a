"""How many bytes each tenant may still have streamed this month: counted here, settled with the database in batches.

A stream costs an addition a part. A thread, started by the first stream, adds this process's batch to the month's total
of all processes and reads back who has had all that they may have. With the database gone streams go on, and are
settled once it is back.
"""

import asyncio
import logging
import threading

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from routing.database.connections import give_back_connection
from routing.database.postgresql import is_standby

logger = logging.getLogger(__name__)

_SETTLE_SECONDS = 5.0
# For the first stream of a process: how long it waits to learn who has used up what.
_FIRST_SECONDS = 1.0
# At shutdown, which has other things to do as well.
_LAST_SECONDS = 2.0
_MAX_BIGINT = 2**63 - 1


class StreamingQuota:
    """Of all tenants, in this process. Safe for threads and tasks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unsettled: dict[str, int] = {}
        self._used_up: frozenset[str] = frozenset()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._tried = threading.Event()
        self._unreachable = False

    async def is_exhausted(self, tenant: str) -> bool:
        """Whether nothing more may be streamed for the tenant this month, as far as the last settlement said."""
        if settings.FACADE_FOLLOW_CHANGES:
            self._start()
        if self._thread is not None and not self._tried.is_set():
            await asyncio.to_thread(self._tried.wait, _FIRST_SECONDS)
        return tenant in self._used_up

    def add(self, tenant: str, streamed_bytes: int) -> None:
        """So many more bytes have been streamed for the tenant."""
        with self._lock:
            self._unsettled[tenant] = self._unsettled.get(tenant, 0) + streamed_bytes

    def flush(self) -> None:
        """Add to the database what has come since the last time, and learn who has used up theirs.

        Raises django.db.DatabaseError; then what has come is kept.
        """
        from routing.models.streamed import add_streamed, quota_exhausted, this_month

        month = this_month()
        batch: dict[str, int] = {}
        if not is_standby():
            with self._lock:
                batch, self._unsettled = self._unsettled, {}
        if batch:
            try:
                add_streamed(month, batch)
            except BaseException:
                for tenant, streamed_bytes in batch.items():
                    self.add(tenant, streamed_bytes)
                raise
        self._used_up = quota_exhausted(month, min(settings.FACADE_MAX_STREAMED_BYTES_PER_TENANT, _MAX_BIGINT))

    def stop(self) -> None:
        """Settle for the last time and end the thread; the database has two seconds for it."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join(_LAST_SECONDS)
        self._thread = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name="allowance", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        stopping = False
        while True:
            try:
                self._try_to_flush()
            except Exception:
                # The thread must outlive whatever happens: without it nothing would be counted any more.
                logger.exception("settling streamed bytes failed; trying again")
            self._tried.set()
            if stopping:
                break
            stopping = self._stop.wait(_SETTLE_SECONDS)
        connections.close_all()

    def _try_to_flush(self) -> None:
        try:
            self.flush()
        except (DatabaseError, InterfaceError, OSError) as error:
            if not self._unreachable:
                logger.error("streamed bytes are counted later, streams go on: %s", type(error).__name__)
            self._unreachable = True
        else:
            self._unreachable = False
        # SQLite's would stay with a file that was replaced.
        give_back_connection()


streaming_quota = StreamingQuota()
