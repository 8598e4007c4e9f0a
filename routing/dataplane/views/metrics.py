"""`/metrics`, on control hosts, for Prometheus."""

import hmac
import ipaddress
import time
from contextlib import suppress
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from routing.conf import database_identity, snapshot_path
from routing.dataplane.gate.gate_file import read_answers
from routing.dataplane.live.comparison import CONTROL_WORKER, WORKER
from routing.dataplane.live.live_table import live_table
from routing.dataplane.live.maintenance_file import read_told
from routing.dataplane.telemetry import metrics
from routing.dataplane.telemetry.counters import counters
from routing.dataplane.upstream.relay_limits import relay_limits
from routing.manifest_store.sightings import sightings
from routing.manifest_store.store import stored_bytes
from routing.table import snapshot

# What proxies add. With one on this machine every peer is a loopback one.
_FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
_REFUSED = (
    "Metrics are told to programs on this machine, which ask it directly. "
    "For others, set FACADE_METRICS_TOKEN and send it: Authorization: Bearer <token>\n"
)


@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """All workers' metrics in Prometheus' text format; to those who may see them."""
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    flush()
    exported = metrics.of_all_workers()
    exported.register(_Completeness())
    exported.register(_SnapshotFile())
    exported.register(_MaintenanceFile())
    exported.register(_GateFile())
    exported.register(_ManifestStore())
    exported.register(_RegistryLimits())
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(generate_latest(exported), content_type=CONTENT_TYPE_LATEST, headers=headers)


def flush() -> None:
    """Bring the metrics up to date with what this process has counted, and with how it stands; tell the others."""
    for key, number in counters.take().items():
        counter = metrics.COUNTERS[key[0]]
        (counter.labels(*key[1:]) if key[1:] else counter).inc(number)
    table, age = live_table.table, live_table.age_seconds
    metrics.WORKERS.set(live_table.role == WORKER)
    metrics.CONTROL_WORKERS.set(live_table.role == CONTROL_WORKER)
    metrics.RELAYS.set(relay_limits.under_way)
    metrics.RELAYED_BYTES_HELD.set(relay_limits.held_bytes)
    metrics.REACHABLE.set(live_table.reachable)
    metrics.CONFIRMED.set(0 if age is None else time.time() - age)
    hold = live_table.hold
    metrics.FROZEN.set(hold is not None and hold.freeze is not None)
    metrics.ALARMED.set(hold is not None and hold.freeze is None)
    for gauge in (metrics.GENERATION, metrics.NEWEST_GENERATION):
        gauge.set(0 if table is None else table.generation)
    metrics.MAPPINGS.set(0 if table is None else len(table.mappings))
    metrics.HOSTNAMES.set(0 if table is None else len(table.hosts))
    metrics.sharing.share()
    sightings.write()


def _refusal(request: HttpRequest) -> HttpResponse | None:
    token = settings.FACADE_METRICS_TOKEN
    if not token:
        return None if _comes_from_here(request) else _text(HTTPStatus.FORBIDDEN, _REFUSED)
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        return None
    answer = _text(HTTPStatus.UNAUTHORIZED, "Send FACADE_METRICS_TOKEN: Authorization: Bearer <token>\n")
    answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
    return answer


def _comes_from_here(request: HttpRequest) -> bool:
    try:
        peer = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return peer.is_loopback and not any(name in request.headers for name in _FORWARDED)


def _text(status: HTTPStatus, text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)


class _Completeness(Collector):
    """Whether the worker that answers is itself among what it tells."""

    def collect(self) -> list[GaugeMetricFamily]:
        """Called by the Prometheus library."""
        told = "0 where the worker that answers could not write its own metrics, such as to a file system that is full."
        complete = GaugeMetricFamily("facade_metrics_complete", told)
        complete.add_metric([], 0 if metrics.sharing.error else 1)
        return [complete]


class _SnapshotFile(Collector):
    """What the snapshot's file says, which is one for all workers. Nothing where there is none that can be used."""

    def collect(self) -> list[GaugeMetricFamily]:
        """Called by the Prometheus library."""
        written = GaugeMetricFamily("facade_snapshot_timestamp_seconds", "When the snapshot was written.")
        generation = GaugeMetricFamily("facade_snapshot_generation", "The generation of the snapshot's table.")
        with suppress(OSError, snapshot.InvalidSnapshot):
            header = snapshot.read_header(snapshot_path(), database_identity())
            generation.add_metric([], header.state.generation)
            written.add_metric([], snapshot_path().stat().st_mtime)
        return [family for family in (written, generation) if family.samples]


class _MaintenanceFile(Collector):
    """When each piece of the regular work was last done, on whichever server, and what it found.

    Nothing where that isn't known.
    """

    def collect(self) -> list[GaugeMetricFamily]:
        """Called by the Prometheus library."""
        done = GaugeMetricFamily(
            "facade_maintenance_timestamp_seconds", "When a task of the regular work was last done.", labels=["task"]
        )
        told = read_told()
        for task, last in told.rounds.items():
            done.add_metric([task], last.at)
        told_of_drift = "Mappings whose former target has something else than their target."
        told_of_lag = "Mappings whose standby does not have all that their target has."
        told_of_standbys = "Mappings that are led to their standby."
        told_of_since = "Since when the earliest of the mappings that are led to their standby is."
        told_of_silence = "Registries that are asked because of a standby, and do not answer."
        told_of_steps = "Change sets that are being applied in steps."
        told_of_due = "When the earliest of the next steps of change sets is due."
        told_of_returned = "Change sets that the health gate has led back, and that nobody has decided on since."
        told_of_tests = "Hostnames that are tested on a schedule, and did not pass their last self-test."
        found = {
            "mappings_drifted": GaugeMetricFamily("facade_mappings_drifted", told_of_drift),
            "standbys_drifted": GaugeMetricFamily("facade_standbys_drifted", told_of_lag),
            "mappings_failed_over": GaugeMetricFamily("facade_mappings_failed_over", told_of_standbys),
            "failed_over_since": GaugeMetricFamily("facade_failed_over_timestamp_seconds", told_of_since),
            "registries_silent": GaugeMetricFamily("facade_registries_silent", told_of_silence),
            "change_sets_in_steps": GaugeMetricFamily("facade_change_sets_in_steps", told_of_steps),
            "step_due": GaugeMetricFamily("facade_step_due_timestamp_seconds", told_of_due),
            "change_sets_returned": GaugeMetricFamily("facade_change_sets_returned", told_of_returned),
            "self_tests_failing": GaugeMetricFamily("facade_self_tests_failing", told_of_tests),
        }
        for name, family in found.items():
            if name in told.numbers:
                family.add_metric([], told.numbers[name])
        return [family for family in (done, *found.values()) if family.samples]


class _GateFile(Collector):
    """What the gate has answered, which is another process. Nothing where there is none."""

    def collect(self) -> list[CounterMetricFamily]:
        """Called by the Prometheus library."""
        told = CounterMetricFamily(
            "facade_gate_answers_total", "Answers to the edge that asked for names.", labels=["answer"]
        )
        for answer, number in read_answers().items():
            told.add_metric([answer], number)
        return [told] if told.samples else []


class _ManifestStore(Collector):
    """What remembered manifests take of the disk. Nothing where none are."""

    def collect(self) -> list[GaugeMetricFamily]:
        """Called by the Prometheus library."""
        stored = GaugeMetricFamily("facade_manifest_store_bytes", "What remembered manifests take of the disk.")
        found = stored_bytes()
        if found is not None:
            stored.add_metric([], found)
        return [stored] if stored.samples else []


class _RegistryLimits(Collector):
    """How many more manifests registries give to this server's address, as they said last. Nothing where none says."""

    def collect(self) -> list[GaugeMetricFamily]:
        """Called by the Prometheus library."""
        left = GaugeMetricFamily(
            "facade_registry_manifests_left",
            "How many more manifests a registry gives to this server's address, as it said last.",
            labels=["registry"],
        )
        for limit in sightings.limits():
            left.add_metric([limit.origin.partition("://")[2]], limit.left)
        return [left] if left.samples else []
