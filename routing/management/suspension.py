"""What `suspend` and `unsuspend` have in common."""

from typing import Any, ClassVar

from django.core.management.base import CommandParser

from routing.management.service_command import HOSTNAME_HELP, TENANT_HELP, ServiceCommand, tenant_of
from routing.models import Hostname
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.hostnames.names import parse_hostname
from routing.services.people.tenants import suspend_tenants


class SuspensionCommand(ServiceCommand):
    """Suspends or unsuspends a tenant or a hostname."""

    suspended: ClassVar[bool]
    done: ClassVar[str]

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--tenant", help=TENANT_HELP)
        what.add_argument("--hostname", help=HOSTNAME_HELP)
        parser.add_argument("--reason", default="", help="kept with the change")

    def handle(self, **options: Any) -> None:
        given = {"suspended": self.suspended, "message": options.get("message", "")}
        actor, reason = Actor.command_line(), options["reason"]
        with self.refusals():
            if options["tenant"] is not None:
                tenant = tenant_of(options["tenant"])
                changed = bool(suspend_tenants(actor, reason, tenant_ids=[tenant.pk], **given))
                name = f"tenant {tenant.slug}"
            else:
                hostname = _hostname_of(options["hostname"])
                changed = bool(suspend_hostnames(actor, reason, hostname_ids=[hostname.pk], **given))
                name = f"hostname {hostname}"
        self.print_lines([f"{self.done} {name}" if changed else f"nothing to change: {name} is so already"])


def _hostname_of(text: str) -> Hostname:
    name = parse_hostname(text)
    hostname = Hostname.objects.filter(name=name).first()
    if hostname is None:
        raise NotFound(f"there is no hostname {name}")
    return hostname
