"""Streamed bytes of a month: added up over processes, held against the limits, and kept while the database is gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import date
from unittest import mock

import pytest
from django.db import OperationalError, connections
from pytest_django import Settings

from routing.dataplane.upstream import streaming_quota as module
from routing.dataplane.upstream.streaming_quota import StreamingQuota
from routing.models import StreamedBytes, Tenant
from tests.dataplane.test_live import Outage
from tests.waiting import until

GIB = 1024**3
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


@pytest.fixture
def globex(db: None) -> Tenant:
    return Tenant.objects.create(slug="globex", name="Globex")


@pytest.fixture(autouse=True)
def month(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr("routing.models.streamed.this_month", lambda: NOVEMBER)
    settings.FACADE_MAX_STREAMED_BYTES_PER_TENANT = 10 * GIB


def key(tenant: Tenant) -> str:
    return str(tenant.pk)


def streamed(tenant: Tenant, month: date = NOVEMBER) -> int:
    row = StreamedBytes.objects.filter(tenant=tenant, month=month).first()
    return row.streamed_bytes if row else 0


def refused(allowance: StreamingQuota, *tenants: Tenant) -> list[bool]:
    """Whether a stream that begins now would be refused, for each tenant, asked as a server's event loop asks."""

    async def asked() -> list[bool]:
        return [await allowance.is_exhausted(key(tenant)) for tenant in tenants]

    return asyncio.run(asked())


@pytest.mark.django_db
class TestSettling:
    def test_batches_of_all_processes_add_up(self, acme: Tenant, globex: Tenant) -> None:
        first, second = StreamingQuota(), StreamingQuota()
        for allowance, number in ((first, 3), (second, 4), (first, 5)):
            allowance.add(key(acme), number)
        second.add(key(globex), 1)

        first.flush()
        second.flush()
        first.flush()

        assert (streamed(acme), streamed(globex)) == (12, 1)

    def test_every_process_learns_who_has_used_up_theirs(self, acme: Tenant, globex: Tenant) -> None:
        first, second = StreamingQuota(), StreamingQuota()
        first.add(key(acme), 6 * GIB)
        second.add(key(acme), 4 * GIB - 1)
        first.flush()
        second.flush()
        assert second._used_up == frozenset()

        second.add(key(acme), 1)
        second.flush()
        first.flush()

        assert first._used_up == second._used_up == {key(acme)}

    def test_a_tenants_own_limit_goes_before_the_platforms(self, acme: Tenant, globex: Tenant) -> None:
        allowance = StreamingQuota()
        Tenant.objects.filter(pk=acme.pk).update(max_streamed_bytes=20 * GIB)
        Tenant.objects.filter(pk=globex.pk).update(max_streamed_bytes=0)
        allowance.add(key(acme), 15 * GIB)

        allowance.flush()
        assert allowance._used_up == {key(globex)}

        Tenant.objects.filter(pk=acme.pk).update(max_streamed_bytes=None)
        allowance.flush()
        assert allowance._used_up == {key(acme), key(globex)}

    def test_nothing_may_be_streamed_where_the_limit_is_none(self, acme: Tenant, settings: Settings) -> None:
        settings.FACADE_MAX_STREAMED_BYTES_PER_TENANT = 0
        allowance = StreamingQuota()

        allowance.flush()

        assert allowance._used_up == {key(acme)}

    def test_a_limit_beyond_what_a_database_can_hold_is_none(self, acme: Tenant, settings: Settings) -> None:
        settings.FACADE_MAX_STREAMED_BYTES_PER_TENANT = 10**30
        allowance = StreamingQuota()
        allowance.add(key(acme), 2**50)

        allowance.flush()

        assert allowance._used_up == frozenset()

    def test_a_month_begins_anew(self, acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        allowance = StreamingQuota()
        allowance.add(key(acme), 10 * GIB)
        allowance.flush()

        monkeypatch.setattr("routing.models.streamed.this_month", lambda: DECEMBER)
        allowance.add(key(acme), 7)
        allowance.flush()

        assert allowance._used_up == frozenset()
        assert (streamed(acme), streamed(acme, DECEMBER)) == (10 * GIB, 7)

    def test_a_tenant_that_is_gone_keeps_nobody_from_being_counted(self, acme: Tenant, globex: Tenant) -> None:
        allowance = StreamingQuota()
        allowance.add(key(globex), 3)
        allowance.add(key(acme), 4)
        globex.delete()

        allowance.flush()

        assert streamed(acme) == 4

    def test_settling_nothing_writes_nothing(self, acme: Tenant) -> None:
        StreamingQuota().flush()

        assert not StreamedBytes.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_with_the_database_gone_streams_go_on_and_are_counted_later(
    acme: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    allowance = StreamingQuota()
    allowance.add(key(acme), 10 * GIB)
    allowance.flush()

    with Outage():
        for _ in range(3):
            allowance.add(key(acme), 5)
            allowance._try_to_flush()
        # What was known stays known.
        assert allowance._used_up == {key(acme)}
    assert caplog.text.count("streamed bytes are counted later") == 1

    allowance._try_to_flush()
    assert streamed(acme) == 10 * GIB + 15


@pytest.mark.django_db(transaction=True)
def test_processes_that_settle_at_once_lose_nothing(acme: Tenant, globex: Tenant) -> None:
    def settle_often(*tenants: Tenant) -> None:
        allowance = StreamingQuota()
        for _ in range(25):
            for tenant in tenants:
                allowance.add(key(tenant), 1)
            allowance.flush()
        connections.close_all()

    # In opposite orders, which must not end in a deadlock.
    orders = [(acme, globex), (globex, acme)] * 2
    threads = [threading.Thread(target=settle_often, args=order) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (streamed(acme), streamed(globex)) == (100, 100)


@pytest.mark.django_db(transaction=True)
class TestThread:
    @pytest.fixture
    def allowance(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamingQuota]:
        """With its thread, as in a worker."""
        settings.FACADE_FOLLOW_CHANGES = True
        monkeypatch.setattr(module, "_SETTLE_SECONDS", 0.02)
        begun = StreamingQuota()
        yield begun
        begun.stop()

    def test_the_first_stream_knows_already(self, allowance: StreamingQuota, acme: Tenant, globex: Tenant) -> None:
        StreamedBytes.objects.create(tenant=acme, month=NOVEMBER, streamed_bytes=10 * GIB)

        assert refused(allowance, acme, globex) == [True, False]

    def test_what_is_counted_is_settled_by_itself(self, allowance: StreamingQuota, acme: Tenant) -> None:
        assert refused(allowance, acme) == [False]
        allowance.add(key(acme), 10 * GIB)

        until(lambda: allowance._used_up == {key(acme)}, "the month is used up")

        assert refused(allowance, acme) == [True]
        assert streamed(acme) == 10 * GIB

    def test_stopping_settles_for_the_last_time(
        self, allowance: StreamingQuota, acme: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_SETTLE_SECONDS", 1000.0)
        refused(allowance, acme)
        allowance.add(key(acme), 7)

        allowance.stop()

        assert streamed(acme) == 7

    def test_without_the_database_the_first_stream_goes_on(self, allowance: StreamingQuota, acme: Tenant) -> None:
        gone = mock.Mock(side_effect=OperationalError("server closed the connection unexpectedly"))
        with mock.patch("routing.models.streamed.quota_exhausted", gone):
            assert refused(allowance, acme) == [False]
            until(lambda: gone.call_count > 1, "it is tried again")
