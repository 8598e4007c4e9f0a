"""What kinds of jobs are made of, and how many of them are under way at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings

from routing.models import Job

#: Registries and name servers are asked, mail is sent, webhooks are called, certificates are asked for, switches are
#: verified, former targets are compared, registries with standbys are asked whether they answer, plans are carried out,
#: change sets are looked at that are applied in steps, hostnames are tested: none of them waits for another.
REGISTRIES, NAMES, MAIL, WEBHOOK = "registries", "names", "mail", "webhooks"
CERTIFICATES, VERIFICATIONS, WATCHES, STANDBYS = "certificates", "verifications", "watches", "standbys"
PLANS, STEPS, SELF_TESTS = "plans", "steps", "self-tests"


class Places(NamedTuple):
    """How many jobs of a lane may be under way, on all servers together, and how many of them for one share."""

    total: int
    per_share: int


def places() -> Places:
    """Those of everybody, in each lane."""
    return Places(settings.FACADE_MAX_CHECKS, settings.FACADE_MAX_CHECKS_PER_TENANT)


def background_places() -> Places:
    """Those that are taken while nobody waits: the rest is kept for people who do."""
    total, per_share = places()
    return Places(max(1, total * 3 // 4), max(1, per_share // 2))


class TryLater(Exception):
    """Another machine could not be asked; the message says why, in a line. No fault of this program's."""


@dataclass(frozen=True)
class Kind:
    """One kind of job.

    `begin` gives what to do without the database, or None where there is nothing to do any more. `settle` gets what
    that found. `seconds`: the longest that it takes by its own deadlines. `margin_seconds`: how much longer its lease
    lasts, for the steps in the database. Where a step fails, the job is tried `attempts` times in all.
    """

    name: str
    lane: str
    seconds: Callable[[], float]
    begin: Callable[[Job], Callable[[], Any] | None]
    settle: Callable[[Job, Any], None]
    attempts: int = 3
    margin_seconds: float = 30.0
