"""Which names were given a certificate, and how many of whom in a day: the budget, which outlives its process.

An authority counts the certificates of an account and of a domain, so that one tenant could use up everybody's. What is
counted are names that are new here. The edge asks for names that it has a certificate of as well, after each of its
restarts and at each renewal: those have to be known again, or a restart would spend the day's budget on them.

So names are kept in a file of the state folder, a line each. A line that is written later counts; a file that can't be
written is said so, and memory goes on. docs/decisions/0050-the-gate-remembers-names.md says why so.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from publicsuffixlist import PublicSuffixList

from routing.core.certificates import CertificateSubject
from routing.table.whole_file import replace_file

logger = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0
# A certificate lasts 90 days at most authorities, and is asked for again after 60.
KEPT_SECONDS = 180 * DAY_SECONDS
MOST_NAMES = 100_000
# So often at most it is written down that a name is asked for again.
_NOTED_SECONDS = 7 * DAY_SECONDS
# The file is written anew when it has so many lines more than names.
_MOST_OLD_LINES = 10_000


class Budget(NamedTuple):
    """How many new names may have a certificate within 24 hours: of one tenant, and below one registrable domain."""

    of_tenant: int
    of_domain: int


class Grant(NamedTuple):
    """When a name first got its certificate, when it was last asked for (seconds since the epoch), and for whom."""

    at: float
    asked_at: float
    tenant: str


class Grants:
    """The names that were granted, the one that was asked for longest ago first. For one thread."""

    def __init__(self, path: Path, budget: Budget, now: Callable[[], float] = time.time) -> None:
        self._path, self._budget, self._now = path, budget, now
        self._names: dict[str, Grant] = {}
        self._recent: deque[tuple[float, str, str]] = deque()
        self._spent: Counter[tuple[str, str]] = Counter()
        self._told: dict[tuple[str, str], float] = {}
        self._complained = False
        self._lines = 0
        self._read()

    def is_known(self, name: str) -> bool:
        """Whether the name was granted before; it is noted that somebody asked for it."""
        grant, now = self._names.get(name), self._now()
        if grant is None:
            return False
        if not 0 <= now - grant.asked_at < _NOTED_SECONDS:
            self._keep(name, grant._replace(asked_at=now))
        return True

    def has_room(self, subject: CertificateSubject) -> bool:
        """Whether one more name fits into the budget of its tenant and of its registrable domain.

        Below a wildcard anybody can think of names and ask for them: those get half of a budget.
        """
        self._forget_past()
        share = 2 if subject.is_below_wildcard else 1
        for (kind, who), most in self._budgets(subject):
            if self._spent[kind, who] >= max(most // share, min(most, 1)):
                self._tell(kind, who, most)
                return False
        return True

    def add(self, subject: CertificateSubject) -> None:
        """Grant a name that is new."""
        now = self._now()
        self._count(now, subject.name, subject.tenant)
        self._keep(subject.name, Grant(now, now, subject.tenant))

    def _budgets(self, subject: CertificateSubject) -> Iterator[tuple[tuple[str, str], int]]:
        yield ("tenant", subject.tenant), self._budget.of_tenant
        yield ("domain", registrable_domain(subject.name)), self._budget.of_domain

    def _count(self, at: float, name: str, tenant: str) -> None:
        domain = registrable_domain(name)
        self._recent.append((at, tenant, domain))
        self._spent["tenant", tenant] += 1
        self._spent["domain", domain] += 1

    def _forget_past(self) -> None:
        past = self._now() - DAY_SECONDS
        while self._recent and self._recent[0][0] <= past:
            _, tenant, domain = self._recent.popleft()
            for key in (("tenant", tenant), ("domain", domain)):
                self._spent[key] -= 1
                if not self._spent[key]:
                    del self._spent[key]

    def _tell(self, kind: str, who: str, most: int) -> None:
        """Say it once a day of each, not of each name that is refused."""
        now = self._now()
        self._told = {key: at for key, at in self._told.items() if 0 <= now - at < DAY_SECONDS}
        if (kind, who) not in self._told:
            self._told[kind, who] = now
            logger.warning(
                "the %s %s has had certificates for new names today as far as it may (FACADE_MAX_CERTIFICATES_PER_%s, "
                "%d): others get none until a day is over. This is told once a day.",
                *(kind, who, kind.upper(), most),
            )

    def _keep(self, name: str, grant: Grant) -> None:
        # At the end, where the latest are.
        self._names.pop(name, None)
        self._names[name] = grant
        if len(self._names) > MOST_NAMES:
            del self._names[next(iter(self._names))]
        try:
            if self._lines > len(self._names) + _MOST_OLD_LINES:
                self._write_all()
            else:
                with self._path.open("a") as file:
                    file.write(_line(name, grant))
                self._lines += 1
            self._complained = False
        except OSError as error:
            self._complain(error)

    def _read(self) -> None:
        """What earlier processes have granted, but for what was so long ago that no certificate of it is left."""
        now, found = self._now(), {}
        with contextlib.suppress(FileNotFoundError):
            try:
                lines = self._path.read_text(errors="replace").splitlines()
            except FileNotFoundError:
                raise
            except OSError as error:
                self._complain(error)
                return
            for name, grant in map(_parsed, lines):
                # A clock that was ahead has no say for longer than a day.
                found[name] = grant._replace(at=min(grant.at, now), asked_at=min(grant.asked_at, now))
        found.pop("", None)
        kept = {name: grant for name, grant in found.items() if now - grant.asked_at < KEPT_SECONDS}
        self._names = dict(sorted(kept.items(), key=lambda item: item[1].asked_at)[-MOST_NAMES:])
        for name, grant in sorted(self._names.items(), key=lambda item: item[1].at):
            if now - grant.at < DAY_SECONDS:
                self._count(grant.at, name, grant.tenant)
        if self._names:
            try:
                self._write_all()
            except OSError as error:
                self._complain(error)

    def _write_all(self) -> None:
        replace_file(self._path, "".join(_line(name, grant) for name, grant in self._names.items()))
        self._lines = len(self._names)

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            logger.error("names that get certificates can't be kept, so a restart will forget them: %s", error)
        self._complained = True


def _line(name: str, grant: Grant) -> str:
    return f"{grant.at:.0f} {grant.asked_at:.0f} {grant.tenant} {name}\n"


def _parsed(line: str) -> tuple[str, Grant]:
    """A line of the file; with the name "" one that is none, such as the last of a process that was killed."""
    try:
        at, asked_at, tenant, name = line.split(" ")
        return name, Grant(float(at), float(asked_at), tenant)
    except ValueError:
        return "", Grant(0.0, 0.0, "")


def registrable_domain(name: str) -> str:
    """`acme.co.uk` of `docker.acme.co.uk`: what authorities count by. A public suffix is its own."""
    return _public_suffixes().privatesuffix(name) or name


@cache
def _public_suffixes() -> PublicSuffixList:
    # The list comes with the package: nothing is fetched.
    return PublicSuffixList()
