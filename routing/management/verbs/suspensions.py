"""Suspending and resuming tenants and hostnames, for operators of the platform."""

from argparse import ArgumentParser
from typing import ClassVar

from routing.management.verbs.named import HOSTNAME_HELP, TENANT_HELP, hostname_of, tenant_of
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.people.tenants import suspend_tenants

_MESSAGE_HELP = "what clients are told; default: to ask its owner"


class _Suspension(Verb):
    """Suspends, or resumes. `done` says that in the past tense."""

    changes = True
    suspended: ClassVar[bool]
    done: ClassVar[str]

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and what clients are told."""
        cls.add_which(parser)
        if cls.suspended:
            parser.add_argument("--message", default="", metavar="TEXT", help=_MESSAGE_HELP)

    @classmethod
    def add_which(cls, parser: ArgumentParser) -> None:
        """Which."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--tenant", metavar="SLUG", help=TENANT_HELP)
        which.add_argument("--hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Do it to the one that is given."""
        actor, reason = Actor.command_line(), options["reason"]
        given = {"suspended": self.suspended, "message": options.get("message", "")}
        if options.get("tenant") is not None:
            tenant = tenant_of(options["tenant"])
            changed = bool(suspend_tenants(actor, reason, tenant_ids=[tenant.pk], **given))
            name, noun = tenant.slug, "tenant"
        else:
            hostname = hostname_of(options["hostname"])
            changed = bool(suspend_hostnames(actor, reason, hostname_ids=[hostname.pk], **given))
            name, noun = hostname.name, "hostname"
        if changed:
            output.done(f"{self.done} {noun} {name}", suspended=self.suspended)
        else:
            state = "suspended already" if self.suspended else "not suspended"
            output.unchanged(f"{name} is {state}.", suspended=self.suspended)


class SuspendEither(_Suspension):
    """By one command."""

    name = "suspend"
    help = "Refuse every request for a tenant's hostnames, or for one hostname, on every worker within a second."
    suspended, done = True, "suspended"


class UnsuspendEither(_Suspension):
    """By one command."""

    name = "unsuspend"
    help = "Unsuspend a tenant or hostname: it is served again within a second."
    suspended, done = False, "unsuspended"


class LiftEither(UnsuspendEither):
    """For one release."""

    name = "lift"
    help = "The former name of unsuspend."


class _OfTenant(_Suspension):
    @classmethod
    def add_which(cls, parser: ArgumentParser) -> None:
        """Which tenant."""
        parser.add_argument("tenant", metavar="TENANT", help=TENANT_HELP)


class _OfHostname(_Suspension):
    @classmethod
    def add_which(cls, parser: ArgumentParser) -> None:
        """Which hostname."""
        parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)


class SuspendTenant(_OfTenant):
    """With all its hostnames."""

    name = "suspend"
    help = "Refuse every request for a tenant's hostnames, on every worker within a second."
    suspended, done = True, "suspended"


class ResumeTenant(_OfTenant):
    """With all its hostnames."""

    name = "resume"
    help = "Serve a tenant again that is suspended."
    suspended, done = False, "resumed"


class SuspendHostname(_OfHostname):
    """That one."""

    name = "suspend"
    help = "Refuse every request for a hostname, on every worker within a second."
    suspended, done = True, "suspended"


class ResumeHostname(_OfHostname):
    """That one."""

    name = "resume"
    help = "Serve a hostname again that is suspended."
    suspended, done = False, "resumed"
