"""What leads where: all mappings, or one."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import Case, Max, QuerySet, Value, When
from django.db.models.functions import Length

from routing.management.verbs.named import (
    HOSTNAME_HELP,
    ONLY_TENANT_HELP,
    PREFIX_HELP,
    add_label_filter,
    hostname_of,
    labelled_with,
    tenant_of,
)
from routing.management.verbs.output import Output, as_facts, moment, yes
from routing.management.verbs.saved_filters import FILTER_HELP, filtered
from routing.management.verbs.verb import Options, Status, Verb
from routing.management.verbs.watches import watch_facts
from routing.models import Hostname, Mapping, Watch
from routing.services.base.actor import Actor
from routing.services.lists.shown_rows import MAX_ROWS_OF_A_LIST, shown_rows
from routing.services.mappings.csv_export import csv_of_mappings
from routing.services.mappings.findings import docker_prospect
from routing.services.mappings.former import former_target
from routing.services.mappings.listing import mappings_in_order
from routing.services.mappings.mappings import get_mapping
from routing.services.standbys.reading import standby_objection
from routing.services.watching.reading import watches_of, words_of


def mapping_facts(mapping: Mapping) -> dict[str, Any]:
    """A mapping, for programs."""
    return {
        "tenant": mapping.hostname.tenant.slug,
        "hostname": mapping.hostname.name,
        "prefix": mapping.prefix,
        "registry": mapping.registry.origin,
        "upstream_prefix": mapping.upstream_prefix,
        "target": mapping.target,
        "enabled": mapping.enabled,
        "allow_push": mapping.allow_push,
        "private": mapping.private,
        "delivery": mapping.delivery,
        "notice": mapping.notice,
        "labels": mapping.label_list,
        "published_at": mapping.account_set_at,
        "standby": mapping.standby_target or None,
        "standby_return_seconds": mapping.standby_return_seconds,
        "failed_over_at": mapping.failed_over_at,
    }


class ListMappings(Verb):
    """However many there are."""

    name = "list"
    help = "List every mapping: where it is pulled from, where it leads, and its state."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        parser.add_argument("--hostname", metavar="HOSTNAME", help="only this hostname's")
        parser.add_argument("--filter", metavar="NAME", help=FILTER_HELP)
        add_label_filter(parser)
        parser.add_argument(
            "--csv", action="store_true", help="print a table for spreadsheets, which “changes draft --csv” reads"
        )

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        hostnames = Hostname.objects.all()
        if options["tenant"]:
            hostnames = hostnames.filter(tenant=tenant_of(options["tenant"]))
        if options["hostname"]:
            hostnames = hostnames.filter(pk=hostname_of(options["hostname"]).pk)
        found: QuerySet[Mapping] = Mapping.objects.filter(labelled_with(options), hostname__in=hostnames.order_by())
        if options["filter"]:
            related = ("hostname__tenant", "registry", "standby_registry")
            found = filtered("mapping", found.select_related(*related), options["filter"])
            mappings = shown_rows(found, MAX_ROWS_OF_A_LIST)
        else:
            mappings = mappings_in_order(hostnames, labelled_with(options))
        if options["csv"]:
            output.document(csv_of_mappings(mappings))
            return
        if output.as_json:
            output.json_list(as_facts(mappings, mapping_facts))
            return
        width = _width(found)
        if not width:
            output.line(_none_of(options))
            return
        for mapping in mappings:
            output.line(_line(mapping, width))


class ShowMapping(Verb):
    """All that is known of one."""

    name = "show"
    help = "Show a mapping: where it leads, its options, and what its last probe found."
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        parser.add_argument("prefix", metavar="PREFIX", help=PREFIX_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        mapping = get_mapping(Actor.command_line(), options["hostname"], options["prefix"])
        prospect, former = docker_prospect(mapping), former_target(mapping)
        watches = {row.kind: row for row in watches_of(mapping)}
        former_watch, standby_watch = watches.get(Watch.Kind.FORMER), watches.get(Watch.Kind.STANDBY)
        output.facts(
            **mapping_facts(mapping),
            former_target=former and former.target,
            former_until=former and former.until,
            watch=former_watch and watch_facts(former_watch),
            standby_watch=standby_watch and watch_facts(standby_watch),
            standby_objection=standby_objection(mapping),
            version=mapping.version,
            created_at=mapping.created_at,
            changed_at=mapping.changed_at,
            probed_repository=mapping.probed_repository,
            probed_at=mapping.probed_at,
            probe_error=mapping.probe_error,
            public=mapping.public,
            blob_delivery=mapping.blob_delivery,
            prospect=prospect,
        )
        delivery = "redirect only" if mapping.delivery == Mapping.Delivery.REDIRECT_ONLY else "automatic"
        output.labelled(
            [
                ("mapping", str(mapping)),
                ("tenant", mapping.hostname.tenant.slug),
                ("registry", f"{mapping.registry.name} ({mapping.registry.origin})"),
                ("state", "enabled" if mapping.enabled else "disabled"),
                ("private", yes(mapping.private)),
                ("allows push", yes(mapping.allow_push)),
                ("delivery", delivery),
                *([("former target", f"{former.target}, asked until {moment(former.until)}")] if former else []),
                *([("standby", _standby_in_words(mapping))] if mapping.standby_registry else []),
                ("notice", mapping.notice),
                ("labels", ", ".join(mapping.label_list)),
                ("last probe", _probe_in_words(mapping)),
                ("changed", moment(mapping.changed_at)),
            ]
        )
        for watch in watches.values():
            words = words_of(watch)
            output.line(words.text)
            for line in words.drift:
                output.line(f"  {line}")
        for line in prospect if mapping.enabled else []:
            output.line(line[:1].upper() + line[1:])


_NONE = "No mappings yet. Add one: facade mapping add docker.acme.com acme ghcr.io/acme"


def _standby_in_words(mapping: Mapping) -> str:
    objection = standby_objection(mapping)
    forbidden = f"; nobody is led there: {objection}" if objection else ""
    if mapping.failed_over_at is None:
        return f"{mapping.standby_target}{forbidden}"
    return f"failed over {moment(mapping.failed_over_at)} from {mapping.standby_target}{forbidden}"


def _probe_in_words(mapping: Mapping) -> str:
    if mapping.probed_at is None:
        return "never"
    found = (
        mapping.probe_error or f"{mapping.get_public_display()}; layers served: {mapping.get_blob_delivery_display()}"
    )
    return f"{moment(mapping.probed_at)}, of {mapping.probed_repository}: {found}"


def _none_of(options: Options) -> str:
    if options["filter"]:
        return "No mappings that this filter finds."
    if options["labels"]:
        return "No such mapping has this label."
    return "No mappings of this tenant or hostname." if options["tenant"] or options["hostname"] else _NONE


def _width(mappings: "QuerySet[Mapping]") -> int:
    """The length of the longest `source`; 0 where there is no mapping."""
    prefix = Case(When(prefix="", then=Value(0)), default=Length("prefix") + 1)
    return mappings.order_by().aggregate(width=Max(Length("hostname__name") + prefix))["width"] or 0


def _line(mapping: Mapping, width: int) -> str:
    facts = (
        ("off", not mapping.enabled),
        ("private", mapping.private),
        ("allows push", mapping.allow_push),
        ("redirect only", mapping.delivery == Mapping.Delivery.REDIRECT_ONLY),
        *((label, True) for label in mapping.label_list),
    )
    notes = ", ".join(name for name, holds in facts if holds)
    return f"{mapping.source:<{width}} → {mapping.target}{f'  ({notes})' if notes else ''}"
