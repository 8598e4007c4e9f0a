"""Suspending and resuming tenants and hostnames, for operators of the platform."""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from routing.management.verbs.named import HOSTNAME_HELP, TENANT_HELP, hostname_of, tenant_of
from routing.management.verbs.output import Output
from routing.management.verbs.verb import Options, Verb
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.people.tenants import suspend_tenants

_MESSAGE_HELP = "what clients are told; default: to ask its owner"


class _Suspendable(NamedTuple):
    """What can be suspended: the word for it, what names one, and the service."""

    noun: str
    metavar: str
    help: str
    find: Callable[[str], Any]
    suspend: Callable[..., Sequence[Any]]


_TENANT = _Suspendable("tenant", "SLUG", TENANT_HELP, tenant_of, suspend_tenants)
_HOSTNAME = _Suspendable("hostname", "HOSTNAME", HOSTNAME_HELP, hostname_of, suspend_hostnames)


class _Suspension(Verb):
    """Suspends, or resumes. `done` says that in the past tense."""

    changes = True
    suspended: ClassVar[bool]
    done: ClassVar[str]
    #: One noun, whose name is the argument; or several, one of which is said by an option.
    of: ClassVar[tuple[_Suspendable, ...]]

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and what clients are told."""
        if len(cls.of) == 1:
            (only,) = cls.of
            parser.add_argument(only.noun, metavar=only.noun.upper(), help=only.help)
        else:
            which = parser.add_mutually_exclusive_group(required=True)
            for each in cls.of:
                which.add_argument(f"--{each.noun}", metavar=each.metavar, help=each.help)
        if cls.suspended:
            parser.add_argument("--message", default="", metavar="TEXT", help=_MESSAGE_HELP)

    def run(self, options: Options, output: Output) -> None:
        """Do it to the one that is given."""
        which = next(each for each in self.of if options.get(each.noun) is not None)
        row = which.find(options[which.noun])
        changed = which.suspend(
            Actor.command_line(),
            options["reason"],
            **{f"{which.noun}_ids": [row.pk]},
            suspended=self.suspended,
            message=options.get("message", ""),
        )
        name = getattr(row, "slug", None) or row.name
        if changed:
            output.done(f"{self.done} {which.noun} {name}", suspended=self.suspended)
        else:
            state = "suspended already" if self.suspended else "not suspended"
            output.unchanged(f"{name} is {state}.", suspended=self.suspended)


class SuspendEither(_Suspension):
    """By one command."""

    name = "suspend"
    help = "Refuse every request for a tenant's hostnames, or for one hostname, on every worker within a second."
    suspended, done, of = True, "suspended", (_TENANT, _HOSTNAME)


class UnsuspendEither(_Suspension):
    """By one command."""

    name = "unsuspend"
    help = "Unsuspend a tenant or hostname: it is served again within a second."
    suspended, done, of = False, "unsuspended", (_TENANT, _HOSTNAME)


class LiftEither(UnsuspendEither):
    """For one release."""

    name = "lift"
    help = "The former name of unsuspend."


class SuspendTenant(_Suspension):
    """With all its hostnames."""

    name = "suspend"
    help = "Refuse every request for a tenant's hostnames, on every worker within a second."
    suspended, done, of = True, "suspended", (_TENANT,)


class ResumeTenant(_Suspension):
    """With all its hostnames."""

    name = "resume"
    help = "Serve a tenant again that is suspended."
    suspended, done, of = False, "resumed", (_TENANT,)


class SuspendHostname(_Suspension):
    """That one."""

    name = "suspend"
    help = "Refuse every request for a hostname, on every worker within a second."
    suspended, done, of = True, "suspended", (_HOSTNAME,)


class ResumeHostname(_Suspension):
    """That one."""

    name = "resume"
    help = "Serve a hostname again that is suspended."
    suspended, done, of = False, "resumed", (_HOSTNAME,)
