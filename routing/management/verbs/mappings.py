"""The verbs of mappings that change them."""

from argparse import SUPPRESS, ArgumentParser

from django.conf import settings

from routing.core.grammar.hosts import is_loopback
from routing.management.verbs.mapping_lists import mapping_facts
from routing.management.verbs.named import HOSTNAME_HELP, PREFIX_HELP, TARGET_HELP
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Verb
from routing.management.verbs.waiting import add_wait, wait_for_workers
from routing.models import Mapping
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import NotFound, ServiceError
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.near import did_you_mean, near_hostnames
from routing.services.mappings.findings import docker_prospect, to_probe
from routing.services.mappings.former import former_note
from routing.services.mappings.mappings import (
    MappingOutcome,
    add_mapping,
    get_mapping,
    parse_prefix,
    remove_mapping,
    repoint,
    switch_mappings,
    update_mapping,
)
from routing.services.registries.probes import probe_mapping
from routing.services.registries.targets import Target, find_registry, parse_target, shared_at
from routing.services.verifications.repointing import look_before, reason_of

_WHOLE, _SKIP = "--whole-registry", "--skip-verification"


def add_address(parser: ArgumentParser) -> None:
    """The two arguments by which a mapping is named."""
    parser.add_argument("hostname", metavar="HOSTNAME", help=HOSTNAME_HELP)
    parser.add_argument("prefix", metavar="PREFIX", help=PREFIX_HELP)


def _add_target(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("target", metavar="TARGET", help=TARGET_HELP)
    parser.add_argument(_WHOLE, action="store_true", help="TARGET may be all of a shared registry, such as ghcr.io")


class AddMapping(Verb):
    """Makes what is missing: tenant, hostname, registry."""

    name = "add"
    help = "Map a prefix of a hostname to a backing registry; makes the tenant, hostname and registry that are missing."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Address, target, and the mapping's options."""
        _add_target(parser)
        parser.add_argument(
            "--create", action="store_true", help="make the hostname although one of nearly the same name is there"
        )
        parser.add_argument(
            "--tenant", metavar="SLUG", help="slug of the tenant that owns the hostname (default: default)"
        )
        parser.add_argument("--allow-push", action="store_true", help="redirect pushes too")
        parser.add_argument("--private", action="store_true", help="the images need credentials even to be pulled")
        parser.add_argument(
            "--redirect-only", action="store_true", help="answer every client with a redirect; relay nothing"
        )
        parser.add_argument(
            "--label",
            dest="labels",
            metavar="LABEL",
            action="append",
            default=[],
            help="a word to find it by, such as team=web; can be given several times",
        )
        # The former name, for one release.
        parser.add_argument("--shell", dest="redirect_only", action="store_true", help=SUPPRESS)

    def run(self, options: Options, output: Output) -> None:
        """Add it, probe it, and say whether that works."""
        # What can't be read is told first, whatever there is.
        parse_prefix(options["prefix"])
        target = parse_target(options["target"])
        if not options["create"]:
            _check_near_names(options["hostname"])
        _check_whole(target, options, output)
        outcome = add_mapping(
            Actor.command_line(),
            options["reason"],
            hostname=options["hostname"],
            prefix=options["prefix"],
            target=options["target"],
            tenant=options["tenant"],
            allow_push=options["allow_push"],
            private=options["private"],
            delivery=Mapping.Delivery.REDIRECT_ONLY if options["redirect_only"] else Mapping.Delivery.AUTO,
            labels=options["labels"],
        )
        _tell(outcome, f"Nothing to change: {outcome.mapping} is there already", output)
        if not is_dry_run():
            _tell_prospect(outcome, output)


class Repoint(Verb):
    """The core of it all."""

    name = "repoint"
    help = (
        "Point a mapping to another registry or upstream prefix; workers follow within a second. A sample of images is "
        "compared before; exit status 3 where something differs."
    )
    changes = needs_reason = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Address and target."""
        _add_target(parser)
        parser.add_argument(
            "--abandon-old",
            action="store_true",
            help="ask the former target for nothing any more, as where it was broken into; pulls that began there fail",
        )
        parser.add_argument(
            _SKIP, action="store_true", help="repoint without comparing a sample of images before; the history says so"
        )
        add_wait(parser)

    def run(self, options: Options, output: Output) -> None:
        """Look at the target, repoint it, and probe it."""
        actor, target = Actor.command_line(), options["target"]
        mapping = get_mapping(actor, options["hostname"], options["prefix"])
        if mapping.upstream_prefix:
            _check_whole(parse_target(target), options, output)
        reason = reason_of(options["reason"], tenant=mapping.hostname.tenant, skipped=options["skip_verification"])
        if reason.strip() and not options["skip_verification"]:
            _look_before(mapping, target, output)
        address = {"hostname": options["hostname"], "prefix": options["prefix"]}
        abandon_old = options["abandon_old"]
        outcome = repoint(actor, reason, **address, target=target, abandon_old=abandon_old)
        _tell(outcome, f"Nothing to change: {outcome.mapping} already", output)
        if outcome.changed and (note := former_note(outcome.mapping)):
            output.line(note)
        wait_for_workers(options, output)


class SetNotice(Verb):
    """People who pull see it, and nobody else asks them to look."""

    name = "notice"
    help = (
        "Have clients print a line where the facade relays, such as “moves to example.com on 1 March”; an empty one "
        "takes it away. Podman, Skopeo and others of late print it."
    )
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address, and the line."""
        add_address(parser)
        parser.add_argument(
            "notice", metavar="TEXT", help='one line of ASCII, 300 characters at most; "" takes it away'
        )

    def run(self, options: Options, output: Output) -> None:
        """Set it."""
        actor = Actor.command_line()
        mapping = get_mapping(actor, options["hostname"], options["prefix"])
        outcome = update_mapping(actor, options["reason"], mapping_id=mapping.pk, notice=options["notice"].strip())
        facts = mapping_facts(outcome.mapping)
        if outcome.changed:
            output.done(*outcome.notes, mapping=facts)
        else:
            output.unchanged(f"Nothing to change: {outcome.mapping} has this notice already", mapping=facts)


class RemoveMapping(Verb):
    """Its history stays."""

    name = "remove"
    help = "Remove a mapping. Its history stays; pulls under it are refused from now on."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address."""
        add_address(parser)

    def run(self, options: Options, output: Output) -> None:
        """Remove it."""
        was = remove_mapping(
            Actor.command_line(), options["reason"], hostname=options["hostname"], prefix=options["prefix"]
        )
        output.done(f"removed mapping {was}")


class _SwitchMapping(Verb):
    changes = True
    enabled: bool

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address."""
        add_address(parser)

    def run(self, options: Options, output: Output) -> None:
        """Switch it."""
        actor = Actor.command_line()
        mapping = get_mapping(actor, options["hostname"], options["prefix"])
        changed = switch_mappings(actor, options["reason"], mapping_ids=[mapping.pk], enabled=self.enabled)
        state, mapping.enabled = "enabled" if self.enabled else "disabled", self.enabled
        if changed:
            output.done(f"{state} mapping {mapping}", mapping=mapping_facts(mapping))
        else:
            output.unchanged(f"{mapping} is {state} already.", mapping=mapping_facts(mapping))


class EnableMapping(_SwitchMapping):
    """It is answered again."""

    name = "enable"
    help = "Enable a mapping that is disabled: it is answered again within a second."
    enabled = True


class DisableMapping(_SwitchMapping):
    """It is kept."""

    name = "disable"
    help = "Disable a mapping: it stays, and pulls under it are refused within a second."
    enabled = False


def _check_near_names(text: str) -> None:
    """A typing error makes no hostname. Raises ServiceError."""
    name = parse_hostname(text)
    if near := near_hostnames(Actor.command_line(), name):
        raise ServiceError(f"there is no hostname {name}{did_you_mean(near)} To make {name} as well, say --create")


def _check_whole(target: Target, options: Options, output: Output) -> None:
    """Nobody maps a whole registry by leaving something out. Raises ServiceError."""
    if target.upstream_prefix or options["whole_registry"]:
        return
    # A tenant's own is all theirs.
    shared = find_registry(None, target) or shared_at(target.origin)
    if shared is None:
        return
    said = f"{target.authority} without a path is all of {shared.name}, whoever published it"
    if not output.confirms(f"{said}. Is that meant?"):
        raise ServiceError(f"{said}. Give a path, such as {target.authority}/acme; or say {_WHOLE}")


def _look_before(mapping: Mapping, target: str, output: Output) -> None:
    """Compare a sample. Raises NotSo where something differs: nothing is repointed then."""
    wanted = parse_target(target)
    if (wanted.origin, wanted.upstream_prefix) == (mapping.registry.origin, mapping.upstream_prefix):
        return
    look = look_before(Actor.command_line(), mapping, target)
    if look.differs:
        tenant = mapping.hostname.tenant
        if tenant.needs_clean_reports:
            otherwise = f"the policy of {tenant} wants a clean report, so copy what is missing first"
        else:
            otherwise = f"to repoint all the same: {_SKIP}"
        raise NotSo(f"Not repointed: {look.said}. To see them: facade verify; {otherwise}")
    output.facts(verification=look.said or None)
    if look.said:
        output.line(f"{look.said[:1].upper()}{look.said[1:]}.")


def _tell(outcome: MappingOutcome, otherwise: str, output: Output) -> None:
    facts = mapping_facts(outcome.mapping)
    if not outcome.changed:
        output.unchanged(otherwise, mapping=facts)
        return
    output.done(*outcome.notes, mapping=facts)
    said = None if is_dry_run() else _probe(outcome.mapping)
    output.facts(probe=said)
    if said:
        output.line(said)


def _tell_prospect(outcome: MappingOutcome, output: Output) -> None:
    mapping, host = outcome.mapping, outcome.mapping.hostname.name
    if not mapping.enabled:
        prefix = mapping.prefix or '""'
        output.line(f"It is disabled. To enable it: facade mapping enable {host} {prefix}")
        return
    prospect = docker_prospect(mapping)
    output.facts(prospect=prospect)
    for line in prospect:
        output.line(line[:1].upper() + line[1:])
    if unknown := to_probe(mapping):
        output.line(f"To find out: facade probe {unknown}")
    if outcome.changed and not is_loopback(host) and not mapping.hostname.mappings.exclude(pk=mapping.pk).exists():
        output.line(f"DNS and a certificate for {host}: see docs/how-to/going-live.md")


def _probe(mapping: Mapping) -> str | None:
    """Ask the mapping's registry what it wants; gives what it said. Whatever comes of it, the mapping stands."""
    if not settings.FACADE_PROBE_ON_SAVE:
        return None
    try:
        registry = probe_mapping(Actor.command_line(), mapping_id=mapping.pk).registry
    except NotFound:
        return "Not probed: the mapping was changed meanwhile"
    except ServiceError as error:
        return f"Not probed: {error.message}"
    if registry.probe_error:
        return f"Note: {registry} could not be asked what it wants: {registry.probe_error}"
    return f"{registry} asks for {'no token' if registry.auth == 'none' else registry.auth}"
