"""Pulls are counted alike in both lanes, within bounds, and nothing of whoever pulls is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from unittest import mock

import pytest
from django.db import OperationalError, transaction
from pytest_django import Settings

from routing.core.grammar.client_families import UNNOTED, PullClient
from routing.core.pull_counts import Grain
from routing.core.table.mapping_entry import MappingEntry
from routing.core.table.policy import Policy
from routing.core.table.routing_table import HostEntry, RegistryEntry, Table, TenantEntry
from routing.dataplane.live.live_table import live_table
from routing.dataplane.pulls.asked import Asked, Outcome, classify
from routing.dataplane.pulls.counting import PullCounting, pull_counting
from routing.dataplane.pulls.tally import Tally
from routing.dataplane.serving import fast_lane
from routing.models import OrphanCount, PullCount, ReferenceCount, Tenant
from routing.models.pull_count import sum_of_pulls
from tests.fast_lane.lanes import Lanes

DIGEST = f"sha256:{'a' * 64}"
DOCKER = PullClient("docker", "28", "linux/amd64")


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


@pytest.fixture
def table(acme: Tenant) -> Table:
    tenant = str(acme.pk)
    return Table.build(
        Policy(control_hosts=frozenset({"localhost"})),
        1,
        tenants=[(tenant, TenantEntry("Acme"))],
        registries=[
            ("1", RegistryEntry("https://ghcr.io", "GHCR", auth="none")),
            ("2", RegistryEntry("https://127.0.0.1:1", "ours", auth="bearer")),
        ],
        hosts=[
            ("docker.acme.com", HostEntry(tenant)),
            ("*.pull.acme.com", HostEntry(tenant)),
            ("off.acme.com", HostEntry(tenant, enabled=False)),
        ],
        mappings=[
            ("docker.acme.com/acme", MappingEntry("1", "acme", 1)),
            ("docker.acme.com/private", MappingEntry("2", "private", 1)),
            ("*.pull.acme.com/", MappingEntry("1", "acme", 1)),
        ],
    )


@pytest.fixture
def counting() -> PullCounting:
    return PullCounting()


def asked(
    path: str,
    *,
    method: str = "GET",
    host: str = "docker.acme.com",
    client: PullClient = DOCKER,
    outcome: Outcome = Outcome.REDIRECTED,
) -> Asked:
    return Asked(method, host, f"/v2/{path}", client, outcome)


def only(grain: str = Grain.DAY) -> PullCount:
    return PullCount.objects.get(grain=grain)


def pulls(grain: str = Grain.DAY) -> int:
    return int(PullCount.objects.filter(grain=grain).aggregate(pulls=sum_of_pulls())["pulls"])


class TestWhatCounts:
    def test_a_row_says_whose_where_what_and_how(self, table: Table, counting: PullCounting, acme: Tenant) -> None:
        counting.add(table, asked("acme/app/manifests/1.0"))
        counting.add(table, asked("acme/app/manifests/1.0", outcome=Outcome.RELAYED))
        counting.flush()

        for grain in Grain:
            row = only(grain)
            assert (row.tenant, row.hostname, row.mapping, row.repository) == (
                acme,
                "docker.acme.com",
                "acme",
                "acme/app",
            )
            assert (row.client, row.major, row.platform, row.target) == ("docker", "28", "linux/amd64", "ghcr.io")
            assert (row.tags, row.redirected, row.relayed) == (2, 1, 1)
        reference = ReferenceCount.objects.get()
        assert (reference.repository, reference.reference, reference.requests) == ("acme/app", "1.0", 2)

    @pytest.mark.parametrize(
        "request_",
        [
            asked(f"acme/app/blobs/{DIGEST}"),
            asked("acme/app/tags/list"),
            asked(""),
            asked("acme/app/manifests/1.0", method="PUT"),
            asked("acme/app/manifests/1.0", host="not a host"),
            asked("acme/app/manifests/1.0", host="192.0.2.1"),
        ],
        ids=str,
    )
    def test_what_is_no_pull_leaves_nothing(self, request_: Asked, table: Table, counting: PullCounting) -> None:
        counting.add(table, request_)
        counting.flush()

        assert not PullCount.objects.exists()
        assert not OrphanCount.objects.exists()

    def test_names_that_lead_nowhere_are_counted_as_such(
        self, table: Table, counting: PullCounting, acme: Tenant
    ) -> None:
        counting.add(table, asked("acne/app/manifests/1", outcome=Outcome.REFUSED))
        counting.add(table, asked("", host="dockr.acme.com", outcome=Outcome.REFUSED))
        counting.add(table, asked("acme/app/manifests/1", host="off.acme.com", outcome=Outcome.REFUSED))
        counting.flush()

        assert set(OrphanCount.objects.values_list("tenant", "hostname", "repository", "requests")) == {
            (acme.pk, "docker.acme.com", "acne/app", 1),
            (None, "dockr.acme.com", "", 1),
            (None, "off.acme.com", "acme/app", 1),
        }

    def test_hosts_of_a_wildcard_are_counted_under_it(self, table: Table, counting: PullCounting) -> None:
        for name in ("a", "b"):
            counting.add(table, asked("app/manifests/1", host=f"{name}.pull.acme.com"))
        counting.flush()

        assert (only().hostname, only().tags) == ("*.pull.acme.com", 2)


class TestOnce:
    """An index and the manifest that it leads to are one pull, as far as can be told."""

    @pytest.mark.parametrize(
        ("tags", "digests", "looks", "expected"),
        [
            # By tag, then the platform's manifest; of an image for one platform there is no second one.
            (3, 3, 0, 3),
            (3, 0, 0, 3),
            # Looks by tag, then gets both by digest, or the only one there is.
            (0, 6, 3, 3),
            (0, 3, 3, 3),
            # A look alone is no pull.
            (0, 0, 9, 0),
            (0, 2, 9, 2),
            # By digest without a look, nobody can tell.
            (0, 4, 0, 4),
            # Of both kinds.
            (2, 6, 2, 4),
        ],
    )
    def test_a_pull_counts_once(
        self, tags: int, digests: int, looks: int, expected: int, table: Table, counting: PullCounting
    ) -> None:
        for number, path, method in (
            (tags, "acme/app/manifests/1", "GET"),
            (digests, f"acme/app/manifests/{DIGEST}", "GET"),
            (looks, "acme/app/manifests/1", "HEAD"),
        ):
            for _ in range(number):
                counting.add(table, asked(path, method=method))
        counting.flush()

        assert pulls() == expected

    def test_what_was_refused_or_failed_is_no_pull(self, table: Table, counting: PullCounting) -> None:
        for outcome in (Outcome.REFUSED, Outcome.FAILED):
            counting.add(table, asked("acme/app/manifests/1", outcome=outcome))
        counting.flush()

        assert (pulls(), only().refused, only().failed) == (0, 1, 1)
        assert not ReferenceCount.objects.exists()


class TestWriting:
    def test_batches_of_all_processes_add_up(self, table: Table) -> None:
        first, second = PullCounting(), PullCounting()
        for each, number in ((first, 3), (second, 4), (first, 5)):
            for _ in range(number):
                each.add(table, asked("acme/app/manifests/1"))
            each.flush()

        assert only().tags == 12
        assert ReferenceCount.objects.get().requests == 12

    def test_what_could_not_be_written_is_written_later(self, table: Table, counting: PullCounting) -> None:
        counting.add(table, asked("acme/app/manifests/1"))
        with (
            mock.patch("routing.models.pull_count.add_counts", side_effect=OperationalError),
            pytest.raises(OperationalError),
        ):
            counting.flush()
        counting.add(table, asked("acme/app/manifests/1"))
        counting.flush()

        assert only().tags == 2

    def test_what_may_have_been_written_is_not_written_twice(self, table: Table, counting: PullCounting) -> None:
        counting.add(table, asked("acme/app/manifests/1"))
        broken = mock.patch.object(transaction.Atomic, "__exit__", autospec=True, side_effect=_commit_and_lose)
        with broken, pytest.raises(OperationalError):
            counting.flush()
        counting.flush()

        assert only().tags == 1

    def test_counts_of_a_tenant_that_is_gone_go_too(self, table: Table, counting: PullCounting, acme: Tenant) -> None:
        counting.add(table, asked("acme/app/manifests/1"))
        acme.delete()
        counting.flush()

        assert not PullCount.objects.exists()

    def test_nothing_is_counted_where_nothing_is_kept(self, table: Table, settings: Settings) -> None:
        settings.FACADE_STATISTICS_DAYS = 0

        assert not pull_counting.is_on


_exit = transaction.Atomic.__exit__


def _commit_and_lose(atomic: transaction.Atomic, *error: object) -> None:
    """The transaction ends well, and the connection before that is told."""
    _exit(atomic, *error)  # type: ignore[arg-type]
    raise OperationalError("the connection is gone")


@pytest.fixture
def few(settings: Settings) -> None:
    """So many rows of a hostname, and no more."""
    settings.FACADE_STATISTICS_ROWS = 20


def test_random_names_take_so_many_rows_and_no_more(few: None, table: Table) -> None:
    for _ in range(3):
        counting = PullCounting()
        for number in range(1000):
            counting.add(table, asked(f"acme/x{number}/manifests/{number}"))
        assert _rows_in_memory(counting) <= 3 * 21
        counting.flush()
    others = PullCount.objects.get(grain=Grain.DAY, repository="")

    for model in (PullCount, ReferenceCount):
        for grain in Grain:
            assert model._default_manager.filter(grain=grain).count() <= 21
    assert (pulls(), pulls(Grain.HOUR)) == (3000, 3000)
    assert others.tags == 3000 - 3 * 20
    assert (others.hostname, others.mapping, others.client, others.target) == ("docker.acme.com", "", "", "")


def test_random_hosts_share_what_one_has(few: None, table: Table, counting: PullCounting) -> None:
    for number in range(1000):
        counting.add(table, asked("", host=f"x{number}.example", outcome=Outcome.REFUSED))
    counting.flush()

    assert OrphanCount.objects.count() <= 21
    assert OrphanCount.objects.get(hostname="").requests == 1000 - 20


def test_a_tenant_has_ten_hostnames_worth(few: None, table: Table, counting: PullCounting) -> None:
    hosts = [(f"h{number}.acme.com", HostEntry(next(iter(dict(table.tenants.items()))))) for number in range(15)]
    wide = Table.build(
        table.policy,
        2,
        tenants=table.tenants.items(),
        registries=[("1", RegistryEntry("https://ghcr.io", "GHCR", auth="none"))],
        hosts=hosts,
        mappings=[(f"{name}/", MappingEntry("1", "acme", 1)) for name, _ in hosts],
    )
    for name, _ in hosts:
        for number in range(30):
            counting.add(wide, asked(f"x{number}/manifests/1", host=name))
    counting.flush()

    # And for each hostname what is counted together.
    assert PullCount.objects.filter(grain=Grain.DAY).count() <= 200 + 15
    assert pulls() == 15 * 30


def test_a_name_that_is_known_is_counted_by_name_however_many_others_come(few: None, table: Table) -> None:
    for number in range(100):
        counting = PullCounting()
        counting.add(table, asked("acme/app/manifests/1"))
        counting.add(table, asked(f"acme/x{number}/manifests/1"))
        counting.flush()

    assert PullCount.objects.get(grain=Grain.DAY, repository="acme/app").tags == 100


def test_what_waits_is_looked_at_before_it_is_too_much(few: None, table: Table) -> None:
    tally = Tally()
    for number in range(25_000):
        tally.add(table, asked(f"acme/x{number}/manifests/1"), 20)

    assert len(tally._waiting) <= 10_001


def test_what_is_alike_is_worked_out_once_for_each_table(table: Table, counting: PullCounting) -> None:
    without = replace(table, mappings=Table.build(Policy(), 1, [], [], [], []).mappings)
    for _ in range(20):
        counting.add(table, asked("acme/app/manifests/1"))
        counting.add(without, asked("acme/app/manifests/1"))

    with mock.patch("routing.dataplane.pulls.tally.classify", side_effect=classify) as worked_out:
        counting.flush()

    assert worked_out.call_count == 2
    assert PullCount.objects.get(grain=Grain.DAY).tags == 20
    assert OrphanCount.objects.get().requests == 20


def _rows_in_memory(counting: PullCounting) -> int:
    counting._tally.settle(20)
    return sum(len(rows) for hour in counting._tally._hours.values() for rows in hour.numbers.values())


HEAD = b"%b /v2/%b HTTP/1.1\r\nHost: docker.acme.com\r\n%b\r\n"
AGENT = b"User-Agent: docker/28.4.0 os/linux arch/amd64\r\n"
REQUESTS = [
    HEAD % (b"GET", b"acme/app/manifests/1.0", AGENT),
    HEAD % (b"GET", b"acme/app/manifests/1.0", AGENT),
    HEAD % (b"GET", b"acme/app/manifests/" + DIGEST.encode(), AGENT),
    HEAD % (b"HEAD", b"acme/app/manifests/1.0", AGENT),
    HEAD % (b"GET", b"acme/app/blobs/" + DIGEST.encode(), AGENT),
    HEAD % (b"GET", b"acme/app/manifests/1.0", AGENT + b"Authorization: Bearer x\r\n"),
    HEAD % (b"GET", b"acme/app/manifests/1.0", AGENT + b"DNT: 1\r\n"),
    HEAD % (b"GET", b"acme/app/manifests/1.0", AGENT + b"Sec-GPC:1\r\n"),
    HEAD % (b"GET", b"acme/app/manifests/1.0", AGENT + b"DNT: 0\r\n"),
    HEAD % (b"GET", b"private/app/manifests/1.0", AGENT.replace(b"docker", b"skopeo")),
    HEAD % (b"GET", b"acne/app/manifests/1.0", AGENT),
    HEAD % (b"GET", b"", AGENT),
]


class TestLanes:
    @pytest.fixture(autouse=True)
    def _own_tally(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(pull_counting, "_tally", Tally())
        monkeypatch.setattr(fast_lane._batch, "_given", [])
        before = live_table.table
        yield
        live_table.table = before

    @pytest.mark.parametrize("lane", ["fast", "slow"])
    def test_both_count_the_same(self, lane: str, table: Table) -> None:
        live_table.table = table
        lanes = Lanes()

        async def send() -> None:
            connection, wire = getattr(lanes, lane).connect("10.0.0.1")
            for request in REQUESTS:
                connection.data_received(request)
                await getattr(lanes, lane).rest(connection, wire)
            connection.connection_lost(None)

        lanes.run(send())
        lanes.close()
        fast_lane.count_given()
        pull_counting.flush()

        found = PullCount.objects.filter(grain=Grain.DAY)
        rows = set(found.values_list("client", "major", "platform", "tags", "digests", "looks", "redirected"))
        assert rows == {("docker", "28", "linux/amd64", 4, 1, 1, 5), ("", "", "", 2, 0, 0, 2)}
        assert list(OrphanCount.objects.values_list("repository", "requests")) == [("acne/app", 1)]

    def test_what_was_answered_by_an_older_table_counts_by_that(self, table: Table) -> None:
        live_table.table = table
        lanes = Lanes()
        newer = replace(table)

        async def send() -> None:
            connection, wire = lanes.fast.connect("10.0.0.1")
            for now in (table, newer):
                live_table.table = now
                connection.data_received(REQUESTS[0])
                await lanes.fast.rest(connection, wire)
            connection.connection_lost(None)

        with mock.patch.object(pull_counting, "add") as add:
            lanes.run(send())
            lanes.close()
            fast_lane.count_given()

        assert [id(call.args[0]) for call in add.call_args_list] == [id(table), id(newer)]


def test_no_row_has_a_place_for_an_address_or_a_name_of_who_pulls() -> None:
    names = Counter(field.name for model in (PullCount, ReferenceCount, OrphanCount) for field in model._meta.fields)

    assert set(names) == {
        *("id", "grain", "at", "key", "tenant", "hostname", "mapping", "repository", "reference", "requests"),
        *("client", "major", "platform", "target", "tags", "digests", "looks"),
        *("redirected", "remembered", "relayed", "refused", "failed"),
    }


def test_unnoted_clients_have_no_name() -> None:
    assert UNNOTED == ("", "", "")


def test_hours_and_days_begin_where_clocks_say(table: Table, counting: PullCounting) -> None:
    counting.add(table, asked("acme/app/manifests/1"))
    counting.flush()
    now = datetime.now(UTC)

    assert only(Grain.DAY).at == now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert only(Grain.HOUR).at.minute == 0
