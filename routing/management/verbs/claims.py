"""Claims of hostnames, and the look at their proof."""

from argparse import ArgumentParser

from routing.management.verbs.hostnames import address_facts, claim_facts, hostname_facts, say_records
from routing.management.verbs.named import CLAIMED_HELP, TENANT_HELP, add_claimed, claim_of, tenant_of
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Status, Verb
from routing.models import Hostname, HostnameClaim
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import NotFound
from routing.services.hostnames.address import address_records
from routing.services.hostnames.claims import check_claim, claim_hostname
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.proof_checks import check_hostname


class ClaimHostname(Verb):
    """What a tenant does by itself in the admin."""

    name = "claim"
    help = "Claim a hostname for a tenant, and tell which DNS record verifies it."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and for whom."""
        add_claimed(parser)

    def run(self, options: Options, output: Output) -> None:
        """Claim it."""
        tenant = tenant_of(options["tenant"])
        claim = claim_hostname(Actor.command_line(), options["reason"], tenant_id=tenant.pk, name=options["name"])
        if is_dry_run():
            # The record's value is made anew each time: nobody is to set this one.
            output.done(f"claimed {claim} for {tenant.slug}")
            return
        output.done(f"claimed {claim} for {tenant.slug}; set these DNS records:", claim=claim_facts(claim))
        say_records(claim, output)
        if not address_records(claim):
            output.line("Point the name to this facade too: FACADE_ADDRESSES says where it is, and is not set.")
        output.line("The TXT record verifies the name; keep it.")
        output.line(f"Then: facade hostname check '{claim}' --tenant {tenant.slug}")


class CheckHostname(Verb):
    """Of a claim, or of a hostname that was proved."""

    name = "check"
    help = (
        "Look for the DNS records of a claim, or a hostname: what verifies it, and where it points to. Exit status 3 "
        "where it isn't verified."
    )
    changes = True
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("name", metavar="HOSTNAME", help=CLAIMED_HELP)
        parser.add_argument("--tenant", metavar="SLUG", help=f"{TENANT_HELP}; needed where several claim the name")

    def run(self, options: Options, output: Output) -> None:
        """Look."""
        name = parse_hostname(options["name"])
        claim = claim_of(name, options["tenant"])
        if claim is None:
            self._check_hostname(name, options, output)
        else:
            self._check_claim(claim, options["reason"], output)

    @staticmethod
    def _check_claim(claim: HostnameClaim, reason: str, output: Output) -> None:
        checked = check_claim(Actor.command_line(), reason, claim_id=claim.pk)
        output.facts(proved=checked.hostname is not None, finding=checked.finding)
        if checked.hostname is None:
            claim.refresh_from_db()
            output.facts(**address_facts(claim))
            output.line(claim.address_finding)
            raise NotSo(checked.finding)
        output.done(
            checked.finding,
            f"added hostname {checked.hostname} of {claim.tenant.slug}",
            hostname=hostname_facts(checked.hostname),
        )
        output.line(checked.hostname.address_finding)

    @staticmethod
    def _check_hostname(name: str, options: Options, output: Output) -> None:
        slug = options["tenant"]
        hostname = Hostname.objects.select_related("tenant").filter(name=name).first()
        if hostname is None or slug not in (None, hostname.tenant.slug):
            raise NotFound(f"{name} is not claimed; “facade hostname claim” does that")
        hostname = check_hostname(Actor.command_line(), options["reason"], hostname_id=hostname.pk)
        output.facts(proved=not hostname.proof_finding, finding=hostname.proof_finding)
        output.line(hostname.address_finding)
        if hostname.proof_finding:
            raise NotSo(hostname.proof_finding)
        said = f"The record of {hostname}, a hostname of {hostname.tenant.slug}, is there"
        if not hostname.proof_token:
            said = f"{hostname} needs no record that verifies it: the platform's operators vouched for it"
        output.unchanged(said, hostname=hostname_facts(hostname))
