"""The verb of watches: what goes on being compared, after a switch or for a standby, and what drifted."""

from argparse import ArgumentParser
from typing import Any

from routing.management.verbs.named import ONLY_TENANT_HELP, tenant_of
from routing.management.verbs.output import Column, Output, as_facts, moment
from routing.management.verbs.verb import Options, Verb
from routing.models import Watch
from routing.services.base.in_order import rows_in_order
from routing.services.watching.reading import drift_of

_NONE = "No former target or standby is compared now. That begins with a repoint, or when a standby is named."


def watch_facts(row: Watch) -> dict[str, Any]:
    """A watch, for programs."""
    return {
        "tenant": row.mapping.hostname.tenant.slug,
        "hostname": row.mapping.hostname.name,
        "prefix": row.mapping.prefix,
        "target": row.compared_target,
        "kind": row.kind,
        "former_target": None if row.is_of_standby else row.target,
        "standby": row.target if row.is_of_standby else None,
        "state": row.state,
        "since": row.since,
        "compared": row.compared,
        "counts": row.counts,
        "drift": drift_of(row),
        "compared_at": row.compared_at,
        "until": row.until,
        "trouble": row.trouble,
    }


class ListWatches(Verb):
    """Whoever moved a mapping is told here whether others still push to where it led; and what a standby lacks."""

    name = "watches"
    help = "List the former targets that are compared after a repoint, and the standbys, and what drifted there."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        parser.add_argument("--drifted", action="store_true", help="only those that drifted")

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        rows = Watch.objects.with_names()
        if options["tenant"]:
            rows = rows.filter(mapping__hostname__tenant=tenant_of(options["tenant"]))
        if options["drifted"]:
            rows = rows.filter(state=Watch.State.DRIFT)
        columns = [
            Column("MAPPING", lambda row: "/".join(part for part in (row["hostname"], row["prefix"]) if part)),
            Column("TARGET", lambda row: row["target"]),
            Column("COMPARED WITH", lambda row: row["former_target"] or row["standby"]),
            Column("KIND", lambda row: row["kind"]),
            Column("STATE", lambda row: row["state"]),
            Column("DRIFT", lambda row: ", ".join(f"{kind} {count}" for kind, count in row["counts"].items())),
            Column("COMPARED", lambda row: moment(row["compared_at"]) if row["compared_at"] else "never"),
            Column("UNTIL", lambda row: moment(row["until"]) if row["until"] else ""),
        ]
        output.table(as_facts(rows_in_order(rows, "mapping__hostname__name"), watch_facts), columns, _NONE)
