"""How many connections each address has: whoever has one address holds no more than a share of a worker's."""

import logging
from collections import Counter

from django.conf import settings

from routing.dataplane.request.forwarded import is_trusted, share_of

logger = logging.getLogger(__name__)


class Peers:
    """Counts the connections of this process by the addresses that they come from. For one thread."""

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()
        self._has_told = False

    def connect(self, address: str, of_all: int) -> bool:
        """Count one more, and say whether the address may have it. Give it back with `disconnect` in either case.

        `of_all` is how many connections there may be: of few, too, nobody gets more than half.
        """
        share = share_of(address)
        self._connections[share] += 1
        most = min(settings.FACADE_MAX_CONNECTIONS_PER_ADDRESS, max(of_all // 2, 1))
        if self._connections[share] <= most or is_trusted(address):
            return True
        if not self._has_told:
            self._has_told = True
            logger.warning(
                "%s has %d connections, which is all that one address may have (FACADE_MAX_CONNECTIONS_PER_ADDRESS); "
                "more are closed. If it is a proxy, name it in FACADE_TRUSTED_PROXIES. This is told once.",
                share,
                most,
            )
        return False

    def disconnect(self, address: str) -> None:
        """One less."""
        share = share_of(address)
        self._connections[share] -= 1
        if self._connections[share] <= 0:
            del self._connections[share]


peers = Peers()
