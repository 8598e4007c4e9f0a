"""Imports a table of mappings: what each line would do, judged as a draft would judge it, with nothing written.

All doors ask here. What is then drafted are the wishes of a preview that found nothing wrong.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.base.dry_run import dry_run
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import (
    Permission,
    PermissionDenied,
    check_permission,
    has_permission_anywhere,
)
from routing.services.base.unit_of_work import unit_of_work
from routing.services.changes.basis import basis_of, registries_of
from routing.services.changes.csv_reading import CsvLine, read_csv
from routing.services.changes.diff import Step, lines_of
from routing.services.changes.drafts import new_set
from routing.services.changes.judging import check_room, judge
from routing.services.changes.wishes import MAX_SET_ROWS, Place, Wish
from routing.services.mappings.csv_export import COLUMNS, NO_LABELS, OPTIONS, line_of

#: So many wrong lines are told of a file; the others are counted.
MAX_WRONG = 1_000
_ERRORS_TOLD = 20
_CHUNK = 500
# Rules ask for a reason, which whoever drafts it gives.
_REASON = "preview of an import"


class Deed(StrEnum):
    """What a line does."""

    ADD = "add"
    REPOINT = "repoint"
    CHANGE = "change options"
    NOTHING = "nothing"
    WRONG = "error"


class Judgement(NamedTuple):
    """A line of the file, what it would do, in steps, and what is wrong with it."""

    number: int
    source: str
    deed: Deed
    steps: Sequence[Step] = ()
    wrong: str = ""


class Preview(NamedTuple):
    """What an import would do. `lines`: those that do something or are wrong, in the file's order; `total`: of all.

    `counts`: lines by what they do. `problem`: what is wrong with the whole, though no line is. `csv`: the lines that
    do something, as a table, which is what is drafted.
    """

    lines: list[Judgement]
    counts: dict[Deed, int]
    total: int
    wishes: list[Wish]
    problem: str
    csv: str

    @property
    def changes(self) -> int:
        """How many mappings it adds or changes."""
        return sum(self.counts[deed] for deed in (Deed.ADD, Deed.REPOINT, Deed.CHANGE))

    @property
    def can_be_drafted(self) -> bool:
        """Whether there is something to draft, and nothing wrong."""
        return bool(self.changes) and not self.counts[Deed.WRONG] and not self.problem

    @property
    def wrong(self) -> list[str]:
        """What is wrong, in a sentence for each line."""
        return [f"line {line.number}: {line.wrong}" for line in self.lines if line.deed is Deed.WRONG]


def preview_import(actor: Actor, content: bytes | str) -> Preview:
    """Judge a table, line by line. Nothing is written.

    Raises ServiceError for what is no such table, PermissionDenied for who may change no mapping at all.
    """
    _check_may_import(actor)
    reading = _Reading(actor)
    lines = read_csv(content)
    while chunk := list(islice(lines, _CHUNK)):
        reading.take(chunk)
    return reading.judged()


def wishes_of_csv(actor: Actor, content: bytes | str) -> list[Wish]:
    """What a table wants, where nothing of it is wrong. Raises ServiceError with what is wrong in each line."""
    found = preview_import(actor, content)
    wrong = found.wrong or ([found.problem] if found.problem else [])
    if wrong:
        more = found.counts[Deed.WRONG] - _ERRORS_TOLD
        told = [*wrong[:_ERRORS_TOLD], *([f"and {more:,} more lines"] if more > 0 else [])]
        raise ServiceError("; ".join(told), {"csv": wrong})
    return found.wishes


def _check_may_import(actor: Actor) -> None:
    if not has_permission_anywhere(actor, Permission.CHANGE_MAPPINGS):
        if actor.read_only:
            check_permission(actor, Permission.CHANGE_MAPPINGS, None)
        raise PermissionDenied("your role does not allow you to change mappings")


class _Reading:
    """Takes the lines of a file, some hundred at a time, and keeps those that want something or are wrong."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._total = 0
        self._counts: Counter[Deed] = Counter()
        self._found: dict[int, Judgement] = {}
        self._wanted: list[tuple[CsvLine, Wish]] = []
        self._began: dict[tuple[str, str], int] = {}
        self._denied: dict[int, str] = {}

    def take(self, lines: Sequence[CsvLine]) -> None:
        """Look some lines up. Raises ServiceError where they change more than a change set can."""
        self._total += len(lines)
        hostnames = self._hostnames(lines)
        there = self._mappings(lines, hostnames)
        for line in lines:
            wrong = line.wrong or self._wrong_place(line, hostnames)
            if wrong:
                self._refuse(line.number, line.source, wrong)
                continue
            hostname = hostnames[line.hostname]
            mapping = there.get((hostname.pk, line.prefix))
            wrong = _wrong_standby(line, mapping)
            if wrong:
                self._refuse(line.number, line.source, wrong)
                continue
            wish = _wish(line, hostname, mapping)
            if wish is None:
                self._counts[Deed.NOTHING] += 1
                continue
            self._wanted.append((line, wish))
            if len(self._wanted) > MAX_SET_ROWS:
                raise ServiceError.for_field(
                    "csv",
                    f"up to line {line.number} the table changes more than {MAX_SET_ROWS:,} mappings, and a change set "
                    "can't have more: split it",
                )

    def judged(self) -> Preview:
        """Have all that is wanted judged as a draft of it would be."""
        wishes = [wish for _, wish in self._wanted]
        problem = self._judge(wishes) if wishes else ""
        lines = [self._found[number] for number in sorted(self._found)]
        counts = {deed: self._counts[deed] for deed in Deed}
        return Preview(lines, counts, self._total, wishes, problem, _table(line for line, _ in self._wanted))

    def _judge(self, wishes: list[Wish]) -> str:
        problem = ""
        with dry_run(), unit_of_work(self._actor, _REASON) as unit:
            rows, refused = judge(unit, _REASON, wishes)
            try:
                if rows and not refused and not self._counts[Deed.WRONG]:
                    check_room(self._actor, rows)
                    new_set(unit, _REASON, rows)
            except ServiceError as refusal:
                problem = refusal.message
            steps = {line.source: line.steps for line in lines_of(rows, basis_of((), registries_of(rows)))}
        deeds = {row["source"]: _deed(row) for row in rows}
        wrong = {each.source: each.why for each in refused}
        for line, _ in self._wanted:
            if line.source in wrong:
                self._refuse(line.number, line.source, wrong[line.source])
            elif line.source in deeds:
                self._keep(Judgement(line.number, line.source, deeds[line.source], steps[line.source]))
            else:
                self._counts[Deed.NOTHING] += 1
        return problem

    def _refuse(self, number: int, source: str, wrong: str) -> None:
        if self._counts[Deed.WRONG] < MAX_WRONG:
            self._found[number] = Judgement(number, source, Deed.WRONG, wrong=wrong)
        self._counts[Deed.WRONG] += 1

    def _keep(self, judgement: Judgement) -> None:
        self._counts[judgement.deed] += 1
        self._found[judgement.number] = judgement

    def _hostnames(self, lines: Sequence[CsvLine]) -> dict[str, Hostname]:
        names = {line.hostname for line in lines if not line.wrong}
        rows = Hostname.objects.viewable_by(self._actor).select_related("tenant").filter(name__in=names)
        return {row.name: row for row in rows}

    def _mappings(self, lines: Sequence[CsvLine], hostnames: dict[str, Hostname]) -> dict[tuple[int, str], Mapping]:
        prefixes = {line.prefix for line in lines if not line.wrong}
        rows = Mapping.objects.viewable_by(self._actor).with_names().select_related("standby_registry")
        rows = rows.filter(hostname__in=[row.pk for row in hostnames.values()], prefix__in=prefixes)
        return {(row.hostname_id, row.prefix): row for row in rows}

    def _wrong_place(self, line: CsvLine, hostnames: dict[str, Hostname]) -> str:
        """Why this line can't be about that mapping; "" where it can."""
        former = self._began.setdefault((line.hostname, line.prefix), line.number)
        if former != line.number:
            return f"{line.source} stands in line {former} already"
        hostname = hostnames.get(line.hostname)
        if hostname is None:
            return "there is no such hostname, or it isn't yours: add it first"
        key = hostname.tenant_id
        if key not in self._denied:
            try:
                check_permission(self._actor, Permission.CHANGE_MAPPINGS, hostname.tenant)
                self._denied[key] = ""
            except ServiceError as refusal:
                self._denied[key] = refusal.message
        return self._denied[key]


def _wrong_standby(line: CsvLine, mapping: Mapping | None) -> str:
    """Why a line can't say this of the standby; "" where it can. No table names one: that takes a clean report."""
    if not line.standby or (mapping is not None and line.standby == mapping.standby_target):
        return ""
    now = (mapping.standby_target if mapping is not None else "") or "none"
    return (
        f"a table does not change a standby (it is {now}): leave the field empty, and name it with facade mapping "
        "standby"
    )


def _wish(line: CsvLine, hostname: Hostname, mapping: Mapping | None) -> Wish | None:
    """What a line wants; None where all is as it says. A target as it is written of the mapping is no other one."""
    if mapping is None:
        return Wish(None, line.target, line.options, Place(hostname.pk, line.prefix))
    options = {name: value for name, value in line.options.items() if getattr(mapping, name) != value}
    target = None if line.target_text == mapping.target else line.target
    return Wish(mapping.pk, target, options) if options or target is not None else None


def _deed(row: dict[str, Any]) -> Deed:
    before, after = row["before"], row["after"]
    if before is None:
        return Deed.ADD
    moves = any(before[name] != after[name] for name in ("registry", "upstream_prefix"))
    return Deed.REPOINT if moves else Deed.CHANGE


def _table(lines: Iterable[CsvLine]) -> str:
    """Such lines as a table again."""
    return "".join(_written(lines))


def _written(lines: Iterable[CsvLine]) -> Iterator[str]:
    yield line_of(COLUMNS)
    for line in lines:
        options = (line.options.get(name, "") for name in OPTIONS)
        said = ({True: "yes", False: "no"}.get(value, value) for value in options)
        labels = line.options["labels"] or NO_LABELS if "labels" in line.options else ""
        yield line_of([line.hostname, line.prefix, line.target_text, *said, "", labels])
