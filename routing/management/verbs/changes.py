"""The verbs of change sets that are there: list, show, approve, apply, undo, discard; and rolling one mapping back."""

from argparse import ArgumentParser
from typing import Any

from routing.management.verbs.change_reports import tell_report
from routing.management.verbs.history import moment_of
from routing.management.verbs.mappings import add_address
from routing.management.verbs.named import ONLY_TENANT_HELP, add_set, tenant_of
from routing.management.verbs.output import Column, Output, as_facts, moment
from routing.management.verbs.verb import NotSo, Options, Status, Verb
from routing.management.verbs.waiting import add_wait, wait_for_workers
from routing.models import ChangeSet
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import ServiceError
from routing.services.changes.applying import apply, roll_back, undo
from routing.services.changes.approval import approve
from routing.services.changes.calendar import coming
from routing.services.changes.diff import Line, diff
from routing.services.changes.drafts import discard, get_change_set, get_differences, present_mappings
from routing.services.changes.guards import Words, guards_of
from routing.services.changes.plan import LEAST_PAUSE, MOST_PAUSE, PAUSE, Plan, facts_of_steps, in_percent, parse_plan
from routing.services.changes.rechecking import recheck_in_words
from routing.services.changes.schedule import schedule
from routing.services.changes.steps import apply_in_steps, go_on, stop_and_return
from routing.services.mappings.mappings import get_mapping

_SHORT = 12
_LISTED = 1_000


def add_words(parser: ArgumentParser, *, number: bool = True) -> None:
    """What has to be said in so many words."""
    if number:
        parser.add_argument(
            "--confirm", metavar="NUMBER", type=int, help="how many mappings it changes, where that is asked for"
        )
    parser.add_argument(
        "--credentials-move",
        action="store_true",
        help="it is meant that callers' credentials go to another registry from then on",
    )


def change_set_facts(change_set: ChangeSet) -> dict[str, Any]:
    """A change set, for programs."""
    names = ("message", "checksum", "state", "size", "undoes", "drafted_by", "drafted_at")
    decided = (
        "approved_by",
        "approved_at",
        "apply_at",
        "due_at",
        "scheduled_by",
        "applied_by",
        "applied_at",
        "generation",
        "skip_verification",
        "refusal",
    )
    return {
        "id": change_set.pk,
        "tenant": change_set.tenant.slug if change_set.tenant else None,
        **{name: getattr(change_set, name) for name in (*names, *decided)},
        "steps": facts_of_steps(change_set),
    }


def tell_set(change_set: ChangeSet, output: Output) -> None:
    """Print a set as it is reviewed."""
    lines = diff(change_set)
    output.facts(changes=[_line_facts(line) for line in lines])
    for line in lines:
        for step in line.steps:
            output.line(f"  {line.source}: {step.what}: {step.before} → {step.after}")
    output.labelled(
        [
            ("message", change_set.message),
            ("state", _state(change_set)),
            ("mappings", f"{change_set.size:,}"),
            ("checksum", change_set.checksum[:_SHORT]),
        ]
    )
    if is_dry_run():
        return
    _tell_steps(change_set, output)
    tell_report(change_set, output)
    if not change_set.is_open:
        return
    actor = Actor.command_line()
    guards = guards_of(change_set, present_mappings(actor, change_set))
    output.facts(guards=[said for said in (guards.number, guards.credentials_in_words, guards.approval) if said])
    for said in (guards.number, guards.credentials_in_words, guards.approval):
        if said:
            output.line(f"Take care: {said}")
    words = f"{f' --confirm {change_set.size}' if guards.number else ''}"
    words += " --credentials-move" if guards.credentials else ""
    output.line(f"To apply it: facade changes apply {change_set.pk} --checksum {change_set.checksum[:_SHORT]}{words}")


def _tell_steps(change_set: ChangeSet, output: Output) -> None:
    """Where a set is that is applied in steps, and what the health gate saw."""
    if change_set.state != ChangeSet.State.IN_STEPS:
        return
    shares = ", ".join(map(in_percent, change_set.shares))
    told = [("steps", f"{change_set.step} of {len(change_set.shares)} made ({shares})")]
    if change_set.next_at is not None:
        told.append(("next", f"{in_percent(change_set.next_share)} at {moment(change_set.next_at)}"))
    if change_set.looked is not None:
        saw = change_set.looked
        told.append(("seen", f"{saw['bad']} of {saw['requests']} requests refused or failed since the last step"))
        told.append(("asked", f"{len(saw['missing'])} of {saw['asked']} images are missing where it leads"))
        if saw["waits"]:
            told.append(("waits", saw["waits"]))
    output.labelled(told)
    output.line(f"To lead it back: facade changes stop {change_set.pk}")


class ListChangeSets(Verb):
    """The newest first."""

    name = "list"
    help = "List change sets, the newest first."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--state", choices=ChangeSet.State.values, help="only of this state")
        which.add_argument(
            "--coming", action="store_true", help="only what is to come: scheduled sets and next steps, the next first"
        )

    def run(self, options: Options, output: Output) -> None:
        """Print them."""
        rows = ChangeSet.objects.with_names().defer("rows", "basis").order_by("-pk")
        if options["tenant"]:
            rows = rows.filter(tenant=tenant_of(options["tenant"]))
        if options["state"]:
            rows = rows.filter(state=options["state"])
        if options["coming"]:
            rows = coming(rows)
        columns = [
            Column("ID", lambda row: str(row["id"])),
            Column("STATE", lambda row: row["state"]),
            Column("TENANT", lambda row: row["tenant"] or "several"),
            Column("MAPPINGS", lambda row: str(row["size"])),
            Column("DRAFTED", lambda row: f"{moment(row['drafted_at'])} by {row['drafted_by']}"),
            Column("DUE", _planned),
            Column("MESSAGE", lambda row: row["message"]),
        ]
        output.table(as_facts(rows[:_LISTED], change_set_facts), columns, "No change sets.")


class ShowChangeSet(Verb):
    """As it is reviewed."""

    name = "show"
    help = (
        "Show a change set: what it changes, and what has to be said to apply it. "
        "Ends with status 3 where something that it depends on was changed since."
    )
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        add_set(parser)

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        change_set = get_change_set(Actor.command_line(), options["change_set"])
        output.facts(change_set=change_set_facts(change_set))
        tell_set(change_set, output)
        changed = get_differences(Actor.command_line(), change_set.pk)
        output.facts(differences=changed)
        for said in changed:
            output.line(f"Not as it was drafted: {said}")
        if changed:
            output.line(f"To draft it once more: facade changes redraft {change_set.pk}")
            raise NotSo


class Approve(Verb):
    """By a second person."""

    name = "approve"
    help = "Approve a change set as it was shown. Who drafted it can't."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and as what it was shown."""
        _add_reviewed(parser)

    def run(self, options: Options, output: Output) -> None:
        """Approve it."""
        change_set = _reviewed(options)
        change_set = approve(
            Actor.command_line(), options["reason"], change_set_id=change_set.pk, checksum=change_set.checksum
        )
        output.done(f"approved change set {change_set.pk}", change_set=change_set_facts(change_set))


class Apply(Verb):
    """All of it, or nothing."""

    name = "apply"
    help = (
        "Apply a change set as it was shown: all of it at once, or nothing where anything was changed since. "
        "With --at at a time, if all is still as it was then: it is verified just before. With --steps one share of "
        "the repositories after the other, and back by itself where that goes wrong."
    )
    changes = True
    takes_reason = False

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, as what it was shown, and what has to be said."""
        _add_reviewed(parser)
        add_words(parser)
        parser.add_argument(
            "--at", type=moment_of, metavar="TIME", help="not now but then, such as 2026-11-26T22:00 (UTC)"
        )
        parser.add_argument(
            "--skip-verification",
            default="",
            metavar="REASON",
            help="with --at: it is not verified just before, and why; the history says so",
        )
        parser.add_argument(
            "--steps",
            metavar="PERCENTS",
            help="not at once, but these shares of the repositories after each other, such as 5,25,100",
        )
        parser.add_argument(
            "--pause",
            type=int,
            default=PAUSE,
            metavar="SECONDS",
            help=f"between two steps: {LEAST_PAUSE} to {MOST_PAUSE}; {PAUSE} where it is not given",
        )
        add_wait(parser)

    def run(self, options: Options, output: Output) -> None:
        """Apply it."""
        change_set = _reviewed(options)
        words = Words(options["confirm"], options["credentials_move"])
        plan = None if options["steps"] is None else parse_plan(options["steps"], str(options["pause"]))
        if plan is not None and options["wait"] is not None:
            raise ServiceError("--wait is for what is applied at once, and --steps takes its time: give one of them")
        if options["at"] is not None:
            if options["wait"] is not None:
                raise ServiceError("--wait is for what is applied now, and --at for later: give one of them")
            self._plan(change_set, options, words, plan, output)
            return
        if options["skip_verification"]:
            raise ServiceError("--skip-verification is for --at: what is applied now is not verified by that")
        if plan is not None:
            self._begin(change_set, words, plan, output)
            return
        change_set = apply(Actor.command_line(), change_set_id=change_set.pk, checksum=change_set.checksum, words=words)
        mappings = f"{change_set.size:,} mapping{'' if change_set.size == 1 else 's'}"
        said = f"applied change set {change_set.pk}: {mappings}, generation {change_set.generation}"
        output.done(said, change_set=change_set_facts(change_set))
        if not is_dry_run():
            output.line(f"To take it back: facade changes undo {change_set.pk} --reason TEXT")
        wait_for_workers(options, output, change_set.generation)

    def _begin(self, change_set: ChangeSet, words: Words, plan: Plan, output: Output) -> None:
        change_set = apply_in_steps(
            Actor.command_line(), change_set_id=change_set.pk, checksum=change_set.checksum, plan=plan, words=words
        )
        shares = ", ".join(map(in_percent, plan.shares))
        said = f"began to apply change set {change_set.pk} in {len(plan.shares)} steps: {shares}"
        output.done(said, change_set=change_set_facts(change_set))
        if not is_dry_run():
            output.line(f"To see where it is: facade changes show {change_set.pk}")
            output.line(f"To lead it back: facade changes stop {change_set.pk}")

    def _plan(self, change_set: ChangeSet, options: Options, words: Words, plan: Plan | None, output: Output) -> None:
        change_set = schedule(
            Actor.command_line(),
            change_set_id=change_set.pk,
            checksum=change_set.checksum,
            at=options["at"],
            words=words,
            plan=plan,
            skip_verification=options["skip_verification"],
        )
        said = f"change set {change_set.pk} is applied at {moment(change_set.apply_at)}, if all is as it is now"
        output.done(said, change_set=change_set_facts(change_set))
        if recheck := recheck_in_words(change_set):
            output.line(f"{recheck[0].upper()}{recheck[1:]}")


class GoOn(Verb):
    """Before its time."""

    name = "go-on"
    help = "Make the next step of a change set now that is applied in steps, before its time."
    changes = True
    takes_reason = False

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        add_set(parser)

    def run(self, options: Options, output: Output) -> None:
        """Make it."""
        change_set = go_on(Actor.command_line(), change_set_id=options["change_set"])
        said = f"change set {change_set.pk}: made step {change_set.step} of {len(change_set.shares)}"
        output.done(f"{said}, {in_percent(change_set.share)}", change_set=change_set_facts(change_set))


class Stop(Verb):
    """And return."""

    name = "stop"
    help = "Lead back what a change set has moved that is applied in steps. It is a draft again."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        add_set(parser)

    def run(self, options: Options, output: Output) -> None:
        """Lead it back."""
        change_set = stop_and_return(Actor.command_line(), options["reason"], change_set_id=options["change_set"])
        said = f"stopped change set {change_set.pk}: all that it moved is led back"
        output.done(said, change_set=change_set_facts(change_set))


class Undo(Verb):
    """By a set of its own."""

    name = "undo"
    help = "Take an applied change set back, all of it at once; nothing where anything was changed since."
    changes = needs_reason = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and what has to be said."""
        add_set(parser)
        add_words(parser, number=False)
        add_wait(parser)

    def run(self, options: Options, output: Output) -> None:
        """Undo it."""
        words = Words(credentials_move=options["credentials_move"])
        change_set = undo(Actor.command_line(), options["reason"], change_set_id=options["change_set"], words=words)
        said = f"undid change set {options['change_set']} by change set {change_set.pk}"
        output.done(said, change_set=change_set_facts(change_set))
        wait_for_workers(options, output, change_set.generation)


class Discard(Verb):
    """It stays in the list."""

    name = "discard"
    help = "Drop a change set that was not applied."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        add_set(parser)

    def run(self, options: Options, output: Output) -> None:
        """Drop it."""
        change_set = discard(Actor.command_line(), options["reason"], change_set_id=options["change_set"])
        output.done(f"discarded change set {change_set.pk}", change_set=change_set_facts(change_set))


class RollBack(Verb):
    """One mapping."""

    name = "roll-back"
    help = "Make of a mapping what it was at an entry of its history: target and options."
    changes = needs_reason = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address, and which entry."""
        add_address(parser)
        parser.add_argument(
            "--to",
            required=True,
            type=int,
            metavar="ENTRY",
            help="the entry's number, as “facade mapping history” has it",
        )
        add_words(parser, number=False)

    def run(self, options: Options, output: Output) -> None:
        """Roll it back."""
        mapping = get_mapping(Actor.command_line(), options["hostname"], options["prefix"])
        words = Words(credentials_move=options["credentials_move"])
        change_set = roll_back(
            Actor.command_line(), options["reason"], mapping_id=mapping.pk, to=options["to"], words=words
        )
        said = f"rolled {mapping.source} back to entry {options['to']} by change set {change_set.pk}"
        output.done(said, change_set=change_set_facts(change_set))
        tell_set(change_set, output)


def _add_reviewed(parser: ArgumentParser) -> None:
    add_set(parser)
    parser.add_argument(
        "--checksum", required=True, metavar="TEXT", help="of what was shown; its first 12 characters are enough"
    )


def _reviewed(options: Options) -> ChangeSet:
    """The set, where it is as it was shown. Raises ServiceError, NotFound."""
    change_set = get_change_set(Actor.command_line(), options["change_set"])
    given = options["checksum"].strip().lower()
    if len(given) < _SHORT or not change_set.checksum.startswith(given):
        raise ServiceError(
            f"this is not the checksum of change set {change_set.pk}: look at it once more "
            f"(facade changes show {change_set.pk})"
        )
    return change_set


def _planned(row: dict[str, Any]) -> str:
    """When, and whether it is verified before."""
    unverified = " (not verified)" if row["skip_verification"] and row["apply_at"] else ""
    return f"{moment(row['due_at'] or row['apply_at'])}{unverified}"


def _state(change_set: ChangeSet) -> str:
    words = str(change_set.state)
    if change_set.approved_at:
        words += f", approved by {change_set.approved_by} at {moment(change_set.approved_at)}"
    if change_set.apply_at and change_set.is_open:
        words += f", to be applied at {moment(change_set.apply_at)} for {change_set.scheduled_by}"
        words += f", {recheck}" if (recheck := recheck_in_words(change_set)) else ""
    if change_set.refusal:
        words += f", not applied when its time came: {change_set.refusal}"
    if change_set.applied_at:
        words += f", applied by {change_set.applied_by} at {moment(change_set.applied_at)}"
        words += f", {recheck_in_words(change_set)}" if change_set.skip_verification else ""
    return words


def _line_facts(line: Line) -> dict[str, Any]:
    return {
        "mapping_id": line.mapping_id,
        "mapping": line.source,
        "steps": [step._asdict() for step in line.steps],
    }
