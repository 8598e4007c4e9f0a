"""Keeps the files as the facade publishes them, again and again; on every failure what is there stays."""

import logging
import random
import time

from routing.edge.document import Refused, unpack
from routing.edge.envoy import judge
from routing.edge.files import Folder
from routing.edge.publisher import Publisher

logger = logging.getLogger("facade.edge")
_LONGEST_SECONDS = 300.0


class Keeper:
    """Of one folder. `share` as `envoy.judge` has it; `check` as `Folder.replace`."""

    def __init__(self, publisher: Publisher, folder: Folder, *, share: int, check: str = "") -> None:
        self._publisher, self._folder = publisher, folder
        self._share, self._check = share, check
        self._said = ""

    def look(self, *, accept: bool = False) -> bool:
        """Ask once, and put in place what may be. False where that failed: it is told, and what is there stays.

        `accept`: take it however old it is and however much it changes.
        """
        address = self._publisher.address
        before = self._folder.routes()
        etag = self._folder.etag(address) if before is not None else ""
        generation = None if before is None else before.generation
        try:
            answer = self._publisher.ask(etag)
            if answer.received is not None:
                etag, generation = answer.etag, self._take(answer.received, accept=accept)
        except (Refused, OSError, MemoryError) as error:
            self._complain(str(error) or "there is not enough memory", generation)
            self._folder.tell(address, etag, generation, str(error))
            return False
        if self._said:
            logger.info("the facade is followed again, at generation %s", generation)
        self._said = ""
        self._folder.tell(address, etag, generation, "")
        return True

    def _take(self, received: bytes, *, accept: bool) -> int:
        published = unpack(received)
        before = None if accept else self._folder.routes()
        routes = judge(published, before, self._share)
        self._folder.replace(published, self._check)
        logger.info("took generation %d, with %d hostnames", routes.generation, len(routes.hostnames))
        return routes.generation

    def _complain(self, problem: str, generation: int | None) -> None:
        if problem != self._said:
            stays = "nothing is in place yet" if generation is None else f"generation {generation} stays in place"
            logger.error("%s; %s", problem, stays)
        self._said = problem

    def run(self, seconds: float) -> None:
        """Until it is ended: every so many seconds, and seldom where it fails."""
        failures = 0
        while True:
            failures = 0 if self.look() else failures + 1
            time.sleep(pause(seconds, failures))


def pause(seconds: float, failures: int) -> float:
    """How long to wait, in seconds: twice as long after each failure, five minutes at most, and at random."""
    longest = max(seconds, _LONGEST_SECONDS)
    return random.uniform(0.5, 1) * min(seconds * 2.0 ** min(failures, 20), longest)  # noqa: S311 no secret
