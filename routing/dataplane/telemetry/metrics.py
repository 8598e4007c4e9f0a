"""The metrics, as Prometheus knows them.

No label here tells hostnames, tenants or registries: there may be a million of them. Where PROMETHEUS_MULTIPROC_DIR is
set, as under `facade_site/gunicorn_config.py`, each worker writes its values to files there, and tells the sum of all.
"""

import logging
import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

from routing.dataplane.telemetry.shared_values import SharedValue, shared_files

logger = logging.getLogger(__name__)

FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
if FOLDER:
    # What the metrics below are made of. The library's own would map the files into memory.
    values.ValueClass = SharedValue

registry = CollectorRegistry()

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)


def _counter(name: str, help_text: str, *labels: str) -> Counter:
    return Counter(f"facade_{name}", help_text, labels, registry=registry)


def _gauge(name: str, help_text: str, of_workers: str) -> Gauge:
    # "live": a worker that is gone has no say any more.
    mode = {"least": "livemin", "greatest": "livemax", "sum": "livesum"}[of_workers]
    return Gauge(f"facade_{name}", help_text, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]


COUNTERS = {
    "answers": _counter(
        "answers", "Answers on tenants' hostnames, by kind of decision and class of status.", "decision", "status"
    ),
    "relayed_bytes": _counter("relayed_bytes", "Bytes of manifests, tags and referrers that were relayed."),
    "streamed_bytes": _counter("streamed_bytes", "Bytes of blobs that were streamed."),
    "relays_rejected": _counter("relays_rejected", "Requests over the bounds of relays, or a tenant's share of them."),
    "connections_rejected": _counter(
        "connections_rejected",
        "Connections closed at once: over FACADE_MAX_CONNECTIONS (all), over their address' share (address), or for a "
        "PROXY header that can't be read (proxy header) or didn't come whole (proxy header late).",
        "bound",
    ),
    "tls_handshakes_failed": _counter(
        "tls_handshakes_failed",
        "TLS handshakes that came to nothing: for no name that is served here (name), for one that has no certificate "
        "(certificate), and by the client's own doing (other).",
        "cause",
    ),
    "registry_errors": _counter(
        "registry_errors", "Requests that a backing registry or its realm left without a usable answer.", "kind"
    ),
    "fast_lane_batches": _counter("fast_lane_batches", "Turns of the event loop in which the fast lane served."),
    "fast_lane_seconds": _counter("fast_lane_seconds", "Time that the fast lane took for them."),
    "remembered_manifests": _counter(
        "remembered_manifests",
        "Requests for manifests that the memory could answer: without a request (hit), by another's request (joined), "
        "by one of their own (fetched), while the registry fails (stale); or not, so that the caller asked (passed).",
        "by",
        "how",
    ),
    "remembered_bytes": _counter("remembered_bytes", "Bytes of manifests that were given from memory."),
    "anonymous_requests": _counter(
        "anonymous_requests",
        "The facade's own requests for content: with nobody's credentials, or by an operator's account (account).",
        "method",
    ),
    "former_target_answers": _counter(
        "former_target_answers",
        "Requests for content that was missing where a mapping leads, and was found where it led before its repoint.",
        "how",
    ),
    "manifest_store_failures": _counter(
        "manifest_store_failures", "Files of the store that were damaged, or could not be written.", "kind"
    ),
}

ANSWER_SECONDS = Histogram(
    "facade_answer_seconds",
    "From a request's coming to the middleware until its answer is known; the fast lane's are not among them.",
    ["decision"],
    buckets=_SECONDS,
    registry=registry,
)
CHANGE_SECONDS = Histogram(
    "facade_change_seconds",
    "From the writing of a change (a repoint, say) until a worker answers by it. Takes servers' clocks for equal.",
    buckets=_SECONDS,
    registry=registry,
)

TABLE_LOADS = _counter(
    "table_loads", "Times that a worker loaded the whole table, rather than the changes since, by reason.", "reason"
)
WORKERS = _gauge("workers", "Workers that serve registry clients.", "sum")
CONTROL_WORKERS = _gauge("control_workers", "Control workers that serve.", "sum")
RELAYS = _gauge("relays_under_way", "Requests whose answer of a backing registry has not gone to its client.", "sum")
RELAYED_BYTES_HELD = _gauge("relayed_bytes_held", "Bytes of such answers in memory.", "sum")
GENERATION = _gauge("table_generation", "The routing table's generation, of the worker furthest behind.", "least")
NEWEST_GENERATION = _gauge("table_newest_generation", "Likewise, of the worker furthest ahead.", "greatest")
MAPPINGS = _gauge("table_mappings", "Mappings in the routing table.", "least")
HOSTNAMES = _gauge("table_hostnames", "Hostnames in the routing table.", "least")
CONFIRMED = _gauge(
    "table_confirmed_timestamp_seconds",
    "When the database last confirmed a worker's table, of the worker where that is longest ago; 0: never.",
    "least",
)
TABLE_COMPARED = _gauge(
    "table_compared_timestamp_seconds",
    "When the rows were read that a worker has compared its table with, where that is longest ago; 0: not yet.",
    "least",
)
FROZEN = _gauge("table_frozen", "1 where a worker holds its table because somebody froze it.", "greatest")
ALARMED = _gauge(
    "table_alarm", "1 where a worker holds its table because too much would change at once, unconfirmed.", "greatest"
)
REACHABLE = _gauge("database_reachable", "1 where all workers reach the database.", "least")


def observe_change(seconds: float) -> None:
    """A change has arrived, so long after it was written. A clock that is behind makes it 0."""
    CHANGE_SECONDS.observe(max(0.0, seconds))


class Sharing:
    """How this worker's values get to the others. `error` is why they don't, "" where they do."""

    def __init__(self) -> None:
        self.error = ""

    def share(self, *, gauges: bool = True) -> None:
        """Write this worker's values for the others; the first process has no `gauges`. A failure is said once.

        Workers that are forked after it know that it was said.
        """
        if not FOLDER:
            return
        try:
            shared_files.write(Path(FOLDER), gauges=gauges)
        except OSError as error:
            if not self.error:
                logger.error("serving goes on without metrics, which can't be written to %s: %s", FOLDER, error)
            self.error = error.strerror or type(error).__name__
        else:
            if self.error:
                logger.warning("metrics can be written again")
            self.error = ""


sharing = Sharing()


def of_all_workers() -> CollectorRegistry:
    """What is to be exported: the metrics of all workers where they share files, else this process' own."""
    gathered = CollectorRegistry()
    if not FOLDER:
        gathered.register(registry)
    elif os.path.isdir(FOLDER):
        MultiProcessCollector(gathered, FOLDER)  # type: ignore[no-untyped-call]
    return gathered
