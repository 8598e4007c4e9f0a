"""What this process has answered, and the bytes that passed, in plain numbers.

A request costs one addition, in the fast lane even less. Whoever exports the numbers takes what has come since the last
time, and does the expensive part (labels, files that workers share) then.
"""

import threading
from collections import defaultdict
from functools import cache

# The name of a metric in `metrics.COUNTERS`, and the values of its labels.
Key = tuple[str, ...]

RELAYED_BYTES: Key = ("relayed_bytes",)
STREAMED_BYTES: Key = ("streamed_bytes",)
RELAYS_REJECTED: Key = ("relays_rejected",)
CONNECTIONS_OVER_ALL: Key = ("connections_rejected", "all")
CONNECTIONS_OVER_SHARE: Key = ("connections_rejected", "address")
PROXY_HEADERS_MALFORMED: Key = ("connections_rejected", "proxy header")
PROXY_HEADERS_LATE: Key = ("connections_rejected", "proxy header late")
HANDSHAKES_WITHOUT_NAME: Key = ("tls_handshakes_failed", "name")
HANDSHAKES_WITHOUT_CERTIFICATE: Key = ("tls_handshakes_failed", "certificate")
HANDSHAKES_FAILED: Key = ("tls_handshakes_failed", "other")
FAST_BATCHES: Key = ("fast_lane_batches",)
FAST_SECONDS: Key = ("fast_lane_seconds",)
REMEMBERED_BYTES: Key = ("remembered_bytes",)
STORE_DAMAGED: Key = ("manifest_store_failures", "damaged")
STORE_UNWRITABLE: Key = ("manifest_store_failures", "unwritable")


@cache
def answers_key(decision: str, status: int | None) -> Key:
    """Answers to a kind of decision by class of status; None: the client didn't wait for its answer."""
    return ("answers", decision, "gone" if status is None else f"{status // 100}xx")


@cache
def remembered_key(by: str, how: str) -> Key:
    """Requests for manifests that the memory was asked for: by `digest` or `tag`, and how they were answered."""
    return ("remembered_manifests", by, how)


@cache
def anonymous_request_key(method: str) -> Key:
    """The facade's own requests to registries and realms, with nobody's credentials."""
    return ("anonymous_requests", method)


@cache
def former_target_key(how: str) -> Key:
    """Content that a mapping's former target had and the present one had not: `redirected` there, or `relayed`."""
    return ("former_target_answers", how)


REDIRECTS = answers_key("redirect", 307)


class Counters:
    """Counts by key. Additions take no lock: under a server with threads one may be lost now and then."""

    def __init__(self) -> None:
        self.totals: defaultdict[Key, float] = defaultdict(int)
        self._taken: dict[Key, float] = {}
        self._lock = threading.Lock()

    def add(self, key: Key, number: float = 1) -> None:
        """So many more of this."""
        self.totals[key] += number

    def take(self) -> dict[Key, float]:
        """What has been counted since the last call, without what hasn't."""
        with self._lock:
            # A copy, made at once: other threads may go on counting.
            totals = dict(self.totals)
            fresh = {key: total - self._taken.get(key, 0) for key, total in totals.items()}
            self._taken = totals
        return {key: number for key, number in fresh.items() if number}


counters = Counters()
