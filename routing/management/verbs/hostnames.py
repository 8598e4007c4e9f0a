"""The verbs of hostnames."""

from argparse import ArgumentParser
from typing import Any

from routing.management.verbs.named import (
    HOSTNAME_HELP,
    ONLY_TENANT_HELP,
    TENANT_HELP,
    add_claimed,
    add_label_filter,
    claim_of,
    hostname_of,
    labelled_with,
    tenant_of,
)
from routing.management.verbs.output import Column, Output, as_facts, moment
from routing.management.verbs.saved_filters import FILTER_HELP, filtered
from routing.management.verbs.verb import Options, Status, Verb
from routing.models import Hostname, HostnameClaim
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.in_order import rows_in_order
from routing.services.hostnames.address import address_records
from routing.services.hostnames.claims import remove_claim, vouch_hostname
from routing.services.hostnames.hostnames import remove_hostname
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.proof import proof_record
from routing.services.lists.shown_rows import MAX_ROWS_OF_A_LIST, shown_rows
from routing.services.mappings.pull_command import pull_command


def address_facts(row: Hostname | HostnameClaim) -> dict[str, Any]:
    """The address records of a hostname or a claim, and where it points to, for programs."""
    return {
        "address_records": [record._asdict() for record in address_records(row)],
        "address_state": row.address_state,
        "address_finding": row.address_finding,
        "address_checked_at": row.address_checked_at,
    }


def say_records(row: Hostname | HostnameClaim, output: Output) -> None:
    """The DNS records to set, as a zone file has them, each with what the last look found; for people."""
    proof = proof_record(row)
    lines = [] if proof is None else [(proof.name, proof.type, f'"{proof.value}"', "")]
    marks = {True: "found", False: "not found", None: ""}
    lines += [(found.name, found.type, found.value, marks[found.found]) for found in address_records(row)]
    widths = [max((len(line[column]) for line in lines), default=0) for column in range(2)]
    output.line()
    for name, kind, value, mark in lines:
        value += "." if kind in ("CNAME", "ALIAS") else ""
        text = f"    {name + '.':<{widths[0] + 1}}  {kind:<{widths[1]}}  {value}"
        output.line(f"{text}  ({mark})" if mark else text)
    output.line()


def hostname_facts(hostname: Hostname) -> dict[str, Any]:
    """A hostname, for programs."""
    return {
        "hostname": hostname.name,
        "tenant": hostname.tenant.slug,
        "state": state_of(hostname),
        "enabled": hostname.enabled,
        "suspended": hostname.suspended,
        "suspension_message": hostname.suspension_message,
        "tenant_suspended": hostname.tenant.suspended,
        "proof": "needed" if hostname.proof_token else "vouched for",
        "proof_finding": hostname.proof_finding,
        "proof_checked_at": hostname.proof_checked_at,
        "withdrawn_at": hostname.withdrawn_at,
        "labels": hostname.label_list,
        **address_facts(hostname),
    }


def claim_facts(claim: HostnameClaim) -> dict[str, Any]:
    """A claim, for programs; with the record that proves it."""
    record = proof_record(claim)
    return {
        "hostname": claim.name,
        "tenant": claim.tenant.slug,
        "state": "claimed",
        "record": record._asdict() if record else None,
        "finding": claim.finding,
        "checked_at": claim.checked_at,
        **address_facts(claim),
    }


def state_of(hostname: Hostname) -> str:
    """In one word, what clients meet."""
    if hostname.suspended or hostname.tenant.suspended:
        return "suspended"
    if hostname.withdrawn_at is not None:
        return "withdrawn"
    return "enabled" if hostname.enabled else "disabled"


class ListHostnames(Verb):
    """Those that are served, or those that are claimed."""

    name = "list"
    help = "List hostnames, or claims of hostnames."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--claims", action="store_true", help="claims that are not verified yet, instead")
        which.add_argument("--filter", metavar="NAME", help=FILTER_HELP)
        add_label_filter(parser)

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        own = {"tenant": tenant_of(options["tenant"])} if options["tenant"] else {}
        columns = [
            Column("HOSTNAME", lambda row: row["hostname"]),
            Column("TENANT", lambda row: row["tenant"]),
            Column("STATE", lambda row: row["state"]),
        ]
        wanted = labelled_with(options)
        if options["claims"]:
            if options["labels"]:
                raise ServiceError("claims have no labels: say --claims or --label")
            claims = rows_in_order(HostnameClaim.objects.with_names().filter(**own), "name")
            finding = Column("LAST CHECK", lambda row: row["finding"] or "not checked yet")
            output.table(as_facts(claims, claim_facts), [*columns, finding], "No claims.")
            return
        found = Hostname.objects.with_names().filter(wanted, **own)
        hostnames = rows_in_order(found, "name")
        if options["filter"]:
            hostnames = shown_rows(filtered("hostname", found, options["filter"]), MAX_ROWS_OF_A_LIST)
        proof = Column("PROOF", lambda row: row["proof_finding"] or row["proof"].replace("needed", "found"))
        output.table(as_facts(hostnames, hostname_facts), [*columns, proof], "No hostnames.")


class AddHostname(Verb):
    """By the platform's word."""

    name = "add"
    help = "Make a name a tenant's hostname without a DNS record, or free a hostname from its record: you vouch for it."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and whose."""
        add_claimed(parser)

    def run(self, options: Options, output: Output) -> None:
        """Vouch for it."""
        tenant = tenant_of(options["tenant"])
        actor = Actor.command_line()
        hostname = vouch_hostname(actor, options["reason"], tenant_id=tenant.pk, name=options["name"])
        output.done(
            f"vouched for {hostname}: it is a hostname of {tenant.slug} that needs no DNS record",
            hostname=hostname_facts(hostname),
        )


class ShowHostname(Verb):
    """Or the claims of it."""

    name = "show"
    help = "Show a hostname, or who claims it."
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        name = parse_hostname(options["hostname"])
        claims = list(HostnameClaim.objects.with_names().filter(name=name))
        hostname = Hostname.objects.with_names().select_related("login_registry").filter(name=name).first()
        if hostname is None and not claims:
            raise NotFound(f"there is no hostname {name}, and no claim of it")
        if hostname is not None:
            self._show(hostname, output)
        output.facts(claims=[claim_facts(claim) for claim in claims])
        for claim in claims:
            output.line(f"claimed by {claim.tenant.slug}: {claim.finding or 'not checked yet'}")
            say_records(claim, output)

    @staticmethod
    def _show(hostname: Hostname, output: Output) -> None:
        login, count = hostname.login_registry, hostname.mappings.count()
        suspended_tenant = hostname.tenant.suspended and not hostname.suspended
        record = proof_record(hostname)
        output.facts(
            **hostname_facts(hostname),
            mappings=count,
            login_registry=None if login is None else login.origin,
            record=None if record is None else record._asdict(),
            version=hostname.version,
            created_at=hostname.created_at,
        )
        output.labelled(
            [
                ("hostname", hostname.name),
                ("tenant", hostname.tenant.slug),
                ("state", state_of(hostname) + (" with its tenant" if suspended_tenant else "")),
                ("message", hostname.suspension_message),
                ("mappings", str(count)),
                ("labels", ", ".join(hostname.label_list)),
                ("login goes to", "" if login is None else login.authority),
                ("proof", "none needed: vouched for" if record is None else f"{record.type} record at {record.name}"),
                ("checked", moment(hostname.proof_checked_at)),
                ("finding", hostname.proof_finding),
                ("address", hostname.address_finding or hostname.get_address_state_display()),
                ("pull", _first_pull(hostname)),
            ]
        )
        if record is not None or address_records(hostname):
            output.line("DNS records to set, and to keep:")
            say_records(hostname, output)


def _first_pull(hostname: Hostname) -> str:
    """What to type to try it; a hint where there is nothing to pull yet."""
    mapping = hostname.mappings.select_related("hostname").order_by("prefix").first()
    return f"nothing yet: facade mapping add {hostname} PREFIX TARGET" if mapping is None else pull_command(mapping)


class RemoveHostname(Verb):
    """Or take a claim back."""

    name = "remove"
    help = "Remove a hostname that has no mappings left, or take a claim back."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
        parser.add_argument("--claim", action="store_true", help="the claim of that name, not the hostname")
        parser.add_argument("--tenant", metavar="SLUG", help=f"{TENANT_HELP}; needed where several claim the name")

    def run(self, options: Options, output: Output) -> None:
        """Remove it."""
        actor, reason = Actor.command_line(), options["reason"]
        name = parse_hostname(options["hostname"])
        if not options["claim"] and Hostname.objects.filter(name=name).exists():
            hostname = hostname_of(name)
            if options["tenant"] not in (None, hostname.tenant.slug):
                raise NotFound(f"{name} is not a hostname of {options['tenant']}")
            remove_hostname(actor, reason, hostname_id=hostname.pk)
            output.done(f"removed hostname {name} of {hostname.tenant.slug}")
            return
        claim = claim_of(name, options["tenant"])
        if claim is None:
            raise NotFound(f"there is no hostname {name}, and no claim of it")
        remove_claim(actor, reason, claim_id=claim.pk)
        output.done(f"took back the claim of {name} by {claim.tenant.slug}")
