"""The verb of self-tests: test a hostname now, say how often that is done, and share a report."""

from argparse import ArgumentParser
from typing import Any

from routing.accounts.links import link_to
from routing.diagnosis.self_test import run_self_test, steps_of
from routing.management.verbs.doctor import print_steps, step_facts
from routing.management.verbs.named import HOSTNAME_HELP, hostname_of
from routing.management.verbs.output import Column, Output, moment
from routing.management.verbs.verb import NotSo, Options, Verb
from routing.models import Hostname, SelfTest
from routing.models.self_test import SelfTestSchedule
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import update_hostname
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.self_tests import (
    get_self_test,
    get_self_tests,
    share_path,
    share_self_test,
    unshare_self_test,
)


def self_test_facts(row: SelfTest) -> dict[str, Any]:
    """A report, for programs."""
    return {
        "id": row.pk,
        "hostname": row.hostname.name,
        "at": row.at,
        "passed": row.passed,
        "is_scheduled": row.is_scheduled,
        "link": link_to(share_path(row)) if row.share_nonce else None,
        "steps": [step_facts(step) for step in steps_of(row)],
    }


class SelfTestOf(Verb):
    """As the doctor looks; what it finds is kept."""

    name = "self-test"
    help = (
        "Test a hostname as docker, containerd, podman and Helm pull from it, and keep the report; or say how often "
        "that is done, list the reports, or share one. Exit status 3 where something keeps clients out."
    )
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Of which, and what."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        deed = parser.add_mutually_exclusive_group()
        deed.add_argument(
            "--schedule", choices=[schedule.value for schedule in SelfTestSchedule], help="how often it is tested"
        )
        deed.add_argument("--list", action="store_true", help="list the reports that are kept, the newest first")
        deed.add_argument("--share", metavar="ID", type=int, help="make a link with which everybody reads that report")
        deed.add_argument("--unshare", metavar="ID", type=int, help="end that: the link leads nowhere from then on")

    def run(self, options: Options, output: Output) -> None:
        """Do that."""
        hostname, actor, reason = (
            hostname_of(parse_hostname(options["hostname"])),
            Actor.command_line(),
            options["reason"],
        )
        if options["schedule"]:
            _set_schedule(actor, reason, hostname, options["schedule"], output)
        elif options["list"]:
            _list(actor, hostname, output)
        elif options["share"] is not None or options["unshare"] is not None:
            self._share(actor, reason, hostname, options, output)
        else:
            row = run_self_test(actor, hostname_id=hostname.pk)
            output.facts(**self_test_facts(row))
            print_steps(steps_of(row), output)
            if not row.passed:
                raise NotSo

    @staticmethod
    def _share(actor: Actor, reason: str, hostname: Hostname, options: Options, output: Output) -> None:
        is_to_share = options["share"] is not None
        number = options["share"] if is_to_share else options["unshare"]
        row = get_self_test(actor, hostname_id=hostname.pk, self_test_id=number)
        if is_to_share:
            row = share_self_test(actor, reason, self_test_id=row.pk)
            said = f"everybody who has this link can read report {row.pk}: {link_to(share_path(row))}"
        else:
            row = unshare_self_test(actor, reason, self_test_id=row.pk)
            said = f"the link to report {row.pk} leads nowhere from now on"
        output.done(said, self_test=self_test_facts(row))


def _set_schedule(actor: Actor, reason: str, hostname: Hostname, schedule: str, output: Output) -> None:
    outcome = update_hostname(actor, reason, hostname_id=hostname.pk, self_test_schedule=schedule)
    facts = {"hostname": outcome.row.name, "self_test_schedule": outcome.row.self_test_schedule}
    words = SelfTestSchedule(schedule).label
    if outcome.changed:
        output.done(f"from now on {hostname} is tested {words}", **facts)
    else:
        output.unchanged(f"{hostname} is tested {words} already", **facts)


def _list(actor: Actor, hostname: Hostname, output: Output) -> None:
    rows = [self_test_facts(row) for row in get_self_tests(actor, hostname.pk)]
    columns = [
        Column("ID", lambda row: str(row["id"])),
        Column("TESTED", lambda row: moment(row["at"])),
        Column("PASSED", lambda row: "yes" if row["passed"] else "no"),
        Column("SHARED", lambda row: row["link"] or ""),
    ]
    output.table(rows, columns, f"{hostname} was not tested yet: “facade hostname self-test {hostname}” does it.")
