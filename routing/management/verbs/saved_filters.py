"""The verbs of saved filters. At the command line there is no person: it knows those that tenants share."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import QuerySet

from routing.management.verbs.named import ONLY_TENANT_HELP, tenant_of
from routing.management.verbs.output import Column, Output, as_facts
from routing.management.verbs.verb import Options, Verb
from routing.models import SavedFilter
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.lists.saved_filters import find_filter, remove_filter, rows_by, save_filter, seen_filters
from routing.services.lists.terms import SORT, TERMS

FILTER_HELP = "only those that this saved filter finds, by name or id, in its order; “facade filter list” has them"


def filtered(noun: str, rows: "QuerySet[Any]", key: str) -> "QuerySet[Any]":
    """The rows that a saved filter finds. Raises NotFound, ServiceError."""
    return rows_by(find_filter(Actor.command_line(), noun, key), rows)


def filter_facts(row: SavedFilter) -> dict[str, Any]:
    """A saved filter, for programs."""
    return {
        "id": row.pk,
        "noun": row.noun,
        "name": row.name,
        "tenant": row.tenant.slug if row.tenant else None,
        "terms": row.terms,
    }


class ListFilters(Verb):
    """Those that are shared."""

    name = "list"
    help = "List saved filters that tenants share, with what each asks for."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Print them."""
        rows = seen_filters(Actor.command_line())
        if options["tenant"]:
            rows = rows.filter(tenant=tenant_of(options["tenant"]))
        columns = [
            Column("ID", lambda row: str(row["id"])),
            Column("OF", lambda row: row["noun"]),
            Column("NAME", lambda row: row["name"]),
            Column("TENANT", lambda row: row["tenant"] or ""),
            Column("ASKS FOR", lambda row: " ".join(f"{name}={text}" for name, text in row["terms"].items())),
        ]
        output.table(as_facts(rows.iterator(), filter_facts), columns, "No saved filters.")


class SaveFilter(Verb):
    """Shared in a tenant."""

    name = "save"
    help = "Save a filter of a list by a name, shared in a tenant: for the admin, the API and “list --filter”."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Of what, by which name, and what it asks for."""
        parser.add_argument("noun", choices=list(TERMS), help="the list that it is for")
        parser.add_argument("filter_name", metavar="NAME", help="what people call it")
        parser.add_argument(
            "terms",
            nargs="+",
            metavar="TERM=VALUE",
            help="a parameter of the API's list, such as state=off, hostname=docker.acme.com, search=acme, sort=prefix",
        )
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="slug of the tenant in which it is shared")

    def run(self, options: Options, output: Output) -> None:
        """Save it."""
        terms = {}
        for text in options["terms"]:
            name, equals, value = text.partition("=")
            if not equals:
                raise ServiceError(f"“{text}” is no term: write {name}=VALUE, such as state=off or {SORT}=hostname")
            terms[name] = value
        row = save_filter(
            Actor.command_line(),
            options["reason"],
            noun=options["noun"],
            name=options["filter_name"],
            terms=terms,
            tenant_id=tenant_of(options["tenant"]).pk,
        )
        output.done(f"saved the filter “{row}” of {row.get_noun_display()}", filter=filter_facts(row))


class RemoveFilter(Verb):
    """By its number."""

    name = "remove"
    help = "Remove a saved filter that a tenant shares."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("id", type=int, metavar="ID", help="its number, as “facade filter list” shows it")

    def run(self, options: Options, output: Output) -> None:
        """Remove it."""
        was = remove_filter(Actor.command_line(), options["reason"], filter_id=options["id"])
        output.done(f"removed the filter “{was}”")
