"""manage.py check_claim NAME [--tenant T]"""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from routing.management.service_command import CLAIMED_HELP, TENANT_HELP, ServiceCommand
from routing.models import Hostname, HostnameClaim
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.hostnames.claims import check_claim
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.proof_checks import check_hostname


class Command(ServiceCommand):
    help = "Look for the DNS record that proves a claim, or a hostname. Exit status 1 where it isn't there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help=CLAIMED_HELP)
        parser.add_argument("--tenant", help=f"{TENANT_HELP}; needed where several claim the name")
        parser.add_argument("--reason", default="", help="kept with what comes of it")

    def handle(self, **options: Any) -> None:
        with self.refusals():
            name = parse_hostname(options["name"])
            claim = self._claim(name, options["tenant"])
            reason = options["reason"]
            if claim is None:
                problem = self._check_hostname(name, options["tenant"], reason)
            else:
                problem = self._check_claim(claim, reason)
        if problem:
            raise CommandError(problem)

    @staticmethod
    def _claim(name: str, slug: str | None) -> HostnameClaim | None:
        claims = HostnameClaim.objects.select_related("tenant").filter(name=name)
        found = list(claims if slug is None else claims.filter(tenant__slug=slug))
        if len(found) > 1:
            raise ServiceError(
                f"{name} is claimed by {' and '.join(claim.tenant.slug for claim in found)}: say --tenant"
            )
        return found[0] if found else None

    def _check_claim(self, claim: HostnameClaim, reason: str) -> str:
        checked = check_claim(Actor.command_line(), reason, claim_id=claim.pk)
        if checked.hostname is None:
            return checked.finding
        self.print_lines([checked.finding, f"added hostname {checked.hostname} of {claim.tenant.slug}"])
        return ""

    def _check_hostname(self, name: str, slug: str | None, reason: str) -> str:
        hostname = Hostname.objects.select_related("tenant").filter(name=name).first()
        if hostname is None or slug not in (None, hostname.tenant.slug):
            raise NotFound(f"{name} is not claimed; manage.py claim_hostname does that")
        hostname = check_hostname(Actor.command_line(), reason, hostname_id=hostname.pk)
        if not hostname.proof_finding:
            self.print_lines([f"the record of {hostname}, a hostname of {hostname.tenant.slug}, is there"])
        return hostname.proof_finding
