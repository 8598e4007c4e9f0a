"""What happened, as one structured log record for each verb that changed something: `mapping.repointed`, with ids.

The names are `domain.action`, in the past tense. A record has `event`, `actor` and `request_id`, and the ids of what
was changed. It is written once the change is committed: of what was rolled back nothing is told.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from routing.request_id import current_request_id
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run

logger = logging.getLogger("routing.events")

#: Called with an event and its facts within its transaction. What they write is rolled back with it.
hearers: list[Callable[[str, Mapping[str, Any]], None]] = []


def announce(actor: Actor, event: str, **facts: int | str | list[int] | list[str] | None) -> None:
    """Log an event once the present transaction is through; at once where there is none. Not in a dry run."""
    if is_dry_run():
        return
    record = {"event": event, "actor": actor.label, "request_id": current_request_id(), **facts}
    for hear in hearers:
        hear(event, record)
    transaction.on_commit(lambda: logger.info(event, extra=record), robust=True)
