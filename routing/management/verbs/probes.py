"""Asking registries, and repositories, what they want of their clients."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import Exists, OuterRef

from routing.management.verbs.named import REGISTRY_HELP, registries_at, registry_of
from routing.management.verbs.output import Output
from routing.management.verbs.registries import registry_facts
from routing.management.verbs.verb import NotSo, Options, Status, Verb
from routing.models import Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound
from routing.services.mappings.explain import explain
from routing.services.registries.probes import probe, probe_mapping


class Probe(Verb):
    """All in use, one registry by whichever tenants, or an image."""

    name = "probe"
    help = "Ask registries what they want of their clients, and write it down. Exit status 3 where one can't be asked."
    changes = True
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """What to ask."""
        parser.add_argument(
            "registry",
            nargs="?",
            metavar="REGISTRY",
            help="address or alias, such as ghcr.io (default: all in use); or an image that is pulled here, such as "
            "docker.acme.com/acme/app: then also whether everybody can read it, and how its layers are served",
        )

    def run(self, options: Options, output: Output) -> None:
        """Ask, one after the other."""
        given = options["registry"]
        if given and "/" in given and "://" not in given:
            _probe_image(given, options["reason"], output)
            return
        # Their keys alone: one registry after the other is read when it is its turn.
        keys = list((registries_at(given) if given else _in_use()).values_list("pk", flat=True))
        if not keys:
            output.line("No registry is in use yet.")
        probe_registries(keys, options["reason"], output)


class ProbeRegistry(Verb):
    """One."""

    name = "probe"
    help = "Ask a registry what it wants of its clients, and write it down. Exit status 3 where it can't be asked."
    changes = True
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("registry", metavar="REGISTRY", help=REGISTRY_HELP)
        parser.add_argument("--tenant", metavar="SLUG", help="slug of the tenant, where it is the tenant's own")

    def run(self, options: Options, output: Output) -> None:
        """Ask it."""
        registry = registry_of(options["registry"], options["tenant"])
        probe_registries([registry.pk], options["reason"], output)


def probe_registries(keys: list[int], reason: str, output: Output) -> None:
    """Ask these, a line each. Raises NotSo where one couldn't be asked."""
    found = []
    for key in keys:
        registry = probe(Actor.command_line(), reason, registry_id=key)
        found.append(registry_facts(registry))
        output.line(_in_words(registry))
    output.facts(registries=found)
    if any(facts["probe_error"] for facts in found):
        raise NotSo


def _in_use() -> Any:
    in_use = Exists(Mapping.objects.filter(registry=OuterRef("pk")).order_by())
    return Registry.objects.filter(in_use)


def _in_words(registry: Registry) -> str:
    """What this probe found; what an earlier one found is told apart from that."""
    if not registry.probe_error:
        return f"{registry.authority}: asks for {registry.auth}"
    earlier = "" if registry.auth == "unknown" else f" (an earlier probe found that it asks for {registry.auth})"
    return f"{registry.authority}: could not be asked: {registry.probe_error}{earlier}"


def _probe_image(text: str, reason: str, output: Output) -> None:
    found = explain(Actor.command_line(), text)
    if found.mapping is None or found.match is None or not found.match.upstream_name:
        raise NotFound(f"{text} points to no repository; “facade explain {text}” shows why")
    name = found.match.upstream_name
    mapping = probe_mapping(Actor.command_line(), reason, mapping_id=found.mapping.pk, repository=name)
    registry = mapping.registry
    repository = f"{registry.authority}/{name}"
    output.facts(
        registries=[registry_facts(registry)],
        repository=repository,
        public=mapping.public,
        blob_delivery=mapping.blob_delivery,
        challenge=mapping.challenge,
        probe_error=mapping.probe_error,
    )
    output.line(_in_words(registry))
    output.line(f"{repository}: {mapping.get_public_display()}; layers served: {mapping.get_blob_delivery_display()}")
    if mapping.challenge:
        output.line(f"{repository}: asks for {mapping.challenge.partition(' ')[0]} by itself")
    if mapping.probe_error not in ("", registry.probe_error):
        output.line(f"Note: {mapping.probe_error}")
    # That it isn't for everybody is a finding too.
    if registry.probe_error or (mapping.probe_error and mapping.public == "unknown"):
        raise NotSo
