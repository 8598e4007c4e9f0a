"""The verbs of registries."""

from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from routing.management.verbs.named import (
    ONLY_TENANT_HELP,
    REGISTRY_HELP,
    TENANT_HELP,
    add_label_filter,
    labelled_with,
    registry_of,
    tenant_of,
)
from routing.management.verbs.output import Column, Output, as_facts, moment, yes
from routing.management.verbs.saved_filters import FILTER_HELP, filtered
from routing.management.verbs.verb import Options, Status, Verb
from routing.models import Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.in_order import rows_in_order
from routing.services.lists.shown_rows import MAX_ROWS_OF_A_LIST, shown_rows
from routing.services.registries.registries import (
    RegistryOptions,
    add_registry,
    remove_registry,
    update_registry,
)

_OWN_HELP = f"{TENANT_HELP}, where it is the tenant's own"
_ORIGIN_HELP = "where its API is, such as ghcr.io or https://registry.acme.com:5000"


def registry_facts(registry: Registry) -> dict[str, Any]:
    """A registry, for programs."""
    return {
        "registry": registry.authority,
        "origin": registry.origin,
        "name": registry.name,
        "alias": registry.alias,
        "tenant": registry.tenant.slug if registry.tenant else None,
        "implicit_namespace": registry.implicit_namespace,
        "stream_blobs": registry.stream_blobs,
        "labels": registry.label_list,
        "auth": registry.auth,
        "probed_at": registry.probed_at,
        "probe_error": registry.probe_error,
        "account_set_at": registry.account_set_at,
    }


class ListRegistries(Verb):
    """Shared ones and tenants' own."""

    name = "list"
    help = "List registries: those that are shared, and tenants' own."

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--tenant", metavar="SLUG", help=ONLY_TENANT_HELP)
        parser.add_argument("--filter", metavar="NAME", help=FILTER_HELP)
        which.add_argument("--shared", action="store_true", help="only those that every tenant may map to")
        add_label_filter(parser)

    def run(self, options: Options, output: Output) -> None:
        """Print them while they are read."""
        rows = Registry.objects.with_names().filter(labelled_with(options))
        if options["shared"]:
            rows = rows.filter(tenant=None)
        if options["tenant"]:
            rows = rows.filter(tenant=tenant_of(options["tenant"]))
        columns = [
            Column("REGISTRY", lambda row: row["registry"]),
            Column("NAME", lambda row: row["name"]),
            Column("TENANT", lambda row: row["tenant"] or "(shared)"),
            Column("ASKS FOR", lambda row: asks_for(row["auth"])),
            Column("LAST PROBE", lambda row: row["probe_error"] or moment(row["probed_at"]) or "never"),
        ]
        registries = rows_in_order(rows, "origin")
        if options["filter"]:
            registries = shown_rows(filtered("registry", rows, options["filter"]), MAX_ROWS_OF_A_LIST)
        output.table(as_facts(registries, registry_facts), columns, "No registries.")


def asks_for(auth: str) -> str:
    """What a registry wants of its clients, for people."""
    return {"none": "no token", "unknown": "not known yet"}.get(auth, f"{auth} credentials")


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--name", metavar="TEXT", help="what people call it, such as “GitHub Container Registry”")
    parser.add_argument("--alias", metavar="HOST", help="the name that people use where that isn't its API's host")
    parser.add_argument(
        "--implicit-namespace", metavar="NAME", help="where it keeps one-component names, such as library"
    )
    parser.add_argument(
        "--stream-layers",
        dest="stream_blobs",
        action=BooleanOptionalAction,
        default=None,
        help="pass layers through this facade for clients that can't be redirected; costs traffic",
    )


def _given(options: Options, *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if options[name] is not None}


class AddRegistry(Verb):
    """Mappings make them as well."""

    name = "add"
    help = "Add a registry: a tenant's own, or one that is shared with all tenants."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Its address, and what people say of it."""
        parser.add_argument("origin", metavar="ADDRESS", help=_ORIGIN_HELP)
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--tenant", metavar="SLUG", help=_OWN_HELP)
        owner.add_argument("--shared", action="store_true", help="every tenant may map to it")
        _add_options(parser)

    def run(self, options: Options, output: Output) -> None:
        """Add it."""
        tenant = None if options["shared"] else tenant_of(options["tenant"])
        origin = _with_scheme(options["origin"])
        given: RegistryOptions = _given(options, "alias", "implicit_namespace", "stream_blobs")  # type: ignore[assignment]
        registry = add_registry(
            Actor.command_line(),
            options["reason"],
            tenant_id=None if tenant is None else tenant.pk,
            name=options["name"] or options["alias"] or origin.partition("://")[2],
            origin=origin,
            **given,
        )
        output.done(f"added registry {registry.origin}", registry=registry_facts(registry))


class ShowRegistry(Verb):
    """With what its last probe found."""

    name = "show"
    help = "Show a registry: its address, what its last probe found, and how many mappings lead there."
    missing = Status.NOT_SO

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        add_which(parser)

    def run(self, options: Options, output: Output) -> None:
        """Print it."""
        registry = registry_of(options["registry"], options["tenant"])
        count = registry.mappings.count()
        output.facts(
            **registry_facts(registry), mappings=count, version=registry.version, created_at=registry.created_at
        )
        output.labelled(
            [
                ("registry", registry.authority),
                ("name", registry.name),
                ("address", registry.origin),
                ("tenant", registry.tenant.slug if registry.tenant else "shared"),
                ("one-component names", registry.implicit_namespace and f"under {registry.implicit_namespace}"),
                ("streams layers", yes(registry.stream_blobs)),
                ("labels", ", ".join(registry.label_list)),
                ("mappings", f"{count:,}"),
                ("asks for", asks_for(registry.auth)),
                ("last probe", moment(registry.probed_at) or "never"),
                ("which failed", registry.probe_error),
                ("account", _account(registry)),
            ]
        )


def _account(registry: Registry) -> str:
    """Whose the facade's own fetches are, and since when; "" for nobody's."""
    if not registry.account_user:
        return ""
    said = f"{registry.account_user}, set {moment(registry.account_set_at)}"
    return said if registry.account_sealed else f"{said}; its password is not here: set it anew"


class SetRegistry(Verb):
    """What is given changes, and nothing else."""

    name = "set"
    help = "Change a registry. A new address takes a reason while mappings lead there."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which, and what of it."""
        add_which(parser)
        parser.add_argument("--address", dest="origin", metavar="ADDRESS", help=_ORIGIN_HELP)
        _add_options(parser)

    def run(self, options: Options, output: Output) -> None:
        """Change it."""
        registry = registry_of(options["registry"], options["tenant"])
        changes = _given(options, "name", "origin", "alias", "implicit_namespace", "stream_blobs")
        if not changes:
            raise ServiceError("say what to change, such as --name or --address")
        if "origin" in changes:
            changes["origin"] = _with_scheme(changes["origin"])
        outcome = update_registry(Actor.command_line(), options["reason"], registry_id=registry.pk, **changes)
        if outcome.changed:
            output.done(f"changed registry {outcome.row}", *outcome.notes, registry=registry_facts(outcome.row))
        else:
            output.unchanged(
                f"Nothing to change: {outcome.row} has these values already", registry=registry_facts(outcome.row)
            )


class RemoveRegistry(Verb):
    """One that nobody uses."""

    name = "remove"
    help = "Remove a registry to which nothing leads any more."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Which."""
        add_which(parser)

    def run(self, options: Options, output: Output) -> None:
        """Remove it."""
        registry = registry_of(options["registry"], options["tenant"])
        remove_registry(Actor.command_line(), options["reason"], registry_id=registry.pk)
        output.done(f"removed registry {registry.origin}")


def add_which(parser: ArgumentParser) -> None:
    """The arguments by which a registry is named."""
    parser.add_argument("registry", metavar="REGISTRY", help=REGISTRY_HELP)
    parser.add_argument("--tenant", metavar="SLUG", help=_OWN_HELP)


def _with_scheme(text: str) -> str:
    return text if "://" in text else f"https://{text}"
