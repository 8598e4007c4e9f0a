"""The rules of mappings: where one may lead."""

from routing.core.grammar.notices import InvalidNotice, parse_notice
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.base.policy import check_allowed, check_origin_allowed
from routing.services.base.rules import Write, fixed, require_reason, rule
from routing.services.mappings.clean_reports import check_clean_report
from routing.services.registries.targets import check_origin, shared_at

#: A mapping is led back by itself after so many seconds at least, and at most.
LEAST_RETURN_SECONDS, MOST_RETURN_SECONDS = 300, 30 * 86_400

fixed(Mapping, "hostname", "prefix")


@rule(Mapping, "registry", "hostname")
def registry_is_an_own_or_a_shared_one(write: Write) -> None:
    """No tenant leads its users by another's registry."""
    if write.row.registry.tenant_id not in (None, write.row.hostname.tenant_id):
        raise ServiceError.for_field("target", f"the registry {write.row.registry} belongs to another tenant")


@rule(Mapping, "registry")
def registry_is_allowed(write: Write) -> None:
    """What this deployment allows may have changed since the registry was added."""
    check_origin(write.row.registry.origin)


@rule(Mapping, "registry", "upstream_prefix")
def leads_to_no_whole_shared_registry(write: Write) -> None:
    """The address would vouch for anybody's images. Operators of the platform may want that all the same."""
    registry = write.row.registry
    shared = registry.tenant_id is None or shared_at(registry.origin)
    if shared and not write.row.upstream_prefix:
        refuse_whole_shared(write.actor, str(registry))


@rule(Mapping, "registry", "upstream_prefix", "hostname")
def leads_where_the_policy_allows(write: Write) -> None:
    """What its tenant has ruled out, nobody leads there. One that leads there already may stay."""
    row, before = write.row, write.before
    if before is None or _place_of(before) != _place_of(row):
        check_allowed(row.hostname.tenant, row.registry)


@rule(Mapping, "registry", "upstream_prefix")
def repointing_takes_a_reason(write: Write) -> None:
    """Whoever asks next year is told why."""
    if write.before is not None:
        require_reason(write.reason)


@rule(Mapping, "registry", "upstream_prefix")
def is_repointed_with_a_clean_report(write: Write) -> None:
    """Where its tenant's policy wants that, by whichever door."""
    check_clean_report(write)


@rule(Mapping, "notice")
def a_notice_can_be_sent(write: Write) -> None:
    """It stands in a header field of every relayed answer, whoever wrote the row."""
    try:
        parse_notice(write.row.notice)
    except InvalidNotice as error:
        raise ServiceError.for_field("notice", str(error)) from error


@rule(Mapping, "standby_registry", "registry", "hostname")
def standby_is_at_another_registry_of_its_own_or_a_shared_one(write: Write) -> None:
    """Two names of one registry fail together; and as for where it leads."""
    standby, mapping = write.row.standby_registry, write.row
    if standby is None:
        return
    if standby.tenant_id not in (None, mapping.hostname.tenant_id):
        raise ServiceError.for_field("target", f"the registry {standby} belongs to another tenant")
    if standby == mapping.registry:
        raise ServiceError.for_field("target", f"{mapping.source} points to {standby} itself: name another registry")


@rule(Mapping, "standby_registry", "standby_prefix")
def standby_is_allowed(write: Write) -> None:
    """As a target is: it becomes one without anybody's word."""
    standby = write.row.standby_registry
    if standby is None:
        return
    check_origin(standby.origin)
    if not write.row.standby_prefix and (standby.tenant_id is None or shared_at(standby.origin)):
        refuse_whole_shared(write.actor, str(standby))


@rule(Mapping, "standby_registry", "standby_prefix")
def standby_is_where_the_policy_allows(write: Write) -> None:
    """A program leads nobody where people may not. Where it came from is where it goes back to, if that is allowed."""
    standby, before = write.row.standby_registry, write.before
    came_from = before is not None and before.registry_id == write.row.standby_registry_id
    if standby is not None and not came_from:
        check_allowed(write.row.hostname.tenant, standby)


@rule(Mapping, "standby_registry", "private", "allow_push", "account_user")
def with_a_standby_it_takes_no_credentials(write: Write) -> None:
    """Nobody's credentials are led to another registry by a program."""
    if write.row.standby_registry is not None and (why := taken_credentials(write.row)):
        raise ServiceError(
            f"{write.row.source} takes credentials: {why}. They must not reach another registry by themselves, so it "
            "can have no standby; take that away first, and repoint by hand when its registry fails",
            code=Code.TAKES_CREDENTIALS,
        )


@rule(Mapping, "standby_return_seconds")
def it_is_led_back_after_a_quiet_time(write: Write) -> None:
    """A registry that answers now and then must not lead people to and fro."""
    seconds = write.row.standby_return_seconds
    if seconds and not LEAST_RETURN_SECONDS <= seconds <= MOST_RETURN_SECONDS:
        raise ServiceError.for_field(
            "return_seconds", f"give 0 for never, or {LEAST_RETURN_SECONDS} to {MOST_RETURN_SECONDS} seconds"
        )


@rule(Hostname, "login_registry")
def login_is_where_the_policy_allows(write: Write) -> None:
    """Whoever logs in there sends credentials."""
    if write.row.login_registry is not None:
        check_allowed(write.row.tenant, write.row.login_registry, "login_registry")


@rule(Hostname, "login_registry")
def no_login_where_mappings_have_a_standby(write: Write) -> None:
    """Whoever logs in there sends credentials for every mapping."""
    hostname = write.row
    if hostname.login_registry_id is None or write.before is None:
        return
    with_standby = hostname.mappings.exclude(standby_registry=None).select_related("hostname").first()
    if with_standby is not None:
        raise ServiceError.for_field(
            "login_registry",
            f"{with_standby.source} has a standby, and takes no credentials: take the standby away first",
            Code.TAKES_CREDENTIALS,
        )


@rule(Mapping, "step", "stepped_by")
def in_steps_it_takes_no_credentials(write: Write) -> None:
    """Nobody's credentials are led to another registry by a program."""
    row = write.row
    if row.stepped_by is not None and (why := taken_credentials(row)):
        raise ServiceError(
            f"{row.source} takes credentials: {why}. They must not reach another registry by themselves, so it can't "
            "be repointed in steps: apply that at once, or without this mapping",
            code=Code.TAKES_CREDENTIALS,
        )


@rule(
    Mapping,
    *("registry", "upstream_prefix", "private", "allow_push", "delivery", "account_user"),
    *("standby_registry", "standby_prefix", "failed_over_at"),
)
def stays_while_it_is_repointed_in_steps(write: Write) -> None:
    """Two hands at once on where it leads. It can be disabled all the same."""
    before = write.before
    if before is not None and before.stepped_by is not None and write.row.stepped_by == before.stepped_by:
        refuse_in_steps(before)


@rule(Hostname, "login_registry")
def no_login_while_mappings_are_repointed_in_steps(write: Write) -> None:
    """Whoever logs in there sends credentials for every mapping."""
    hostname = write.row
    if hostname.login_registry_id is None or write.before is None:
        return
    stepped = hostname.mappings.exclude(stepped_by=None).select_related("hostname").first()
    if stepped is not None:
        refuse_in_steps(stepped)


def refuse_in_steps(mapping: Mapping) -> None:
    """Refuse what would cross a change set that is under way. Raises ServiceError, which names that."""
    if mapping.stepped_by is not None:
        raise ServiceError(
            f"change set {mapping.stepped_by} is being applied in steps to {mapping.source}: wait for its end, or have "
            "it stop and return",
            code=Code.IN_STEPS,
        )


def taken_credentials(mapping: Mapping) -> str:
    """Why somebody's credentials may reach where a mapping leads, in words; "" where none do."""
    if mapping.private or mapping.public == "no":
        return "its images are private"
    if mapping.allow_push:
        return "it takes pushes"
    if mapping.account_user:
        return "it is published with an account of its own"
    if mapping.hostname.login_registry_id is not None:
        return "people log in at its hostname"
    standby = mapping.standby_registry
    if Auth.BASIC in (mapping.registry.auth, standby.auth if standby else None):
        return "a registry of it asks for a password"
    return ""


def _place_of(mapping: Mapping) -> tuple[str, str]:
    """Where it leads: two rows of one registry are one place."""
    return mapping.registry.origin, mapping.upstream_prefix


def check_may_lead(
    actor: Actor, tenant: Tenant | None, registry: Registry | None, entry: RegistryEntry, upstream_prefix: str
) -> None:
    """Refuse what these rules refuse of a target, before there is a row that leads there. Raises ServiceError.

    `registry` None: it has no row yet, and `entry` is what it would be. `tenant` None: it is not there yet either.
    """
    if not upstream_prefix and (registry is None or registry.tenant_id is None) and shared_at(entry.origin):
        refuse_whole_shared(actor, entry.name)
    if tenant is not None:
        check_origin_allowed(tenant, entry.origin, entry.name)


def refuse_whole_shared(actor: Actor, registry: str) -> None:
    """Refuse all of a shared registry to a tenant. Raises ServiceError."""
    if not actor.is_operator:
        raise ServiceError.for_field(
            "target",
            f"all of {registry} can be mapped by operators of the platform only: "
            f"name your part of it, such as {registry}/your-organisation",
            Code.REGISTRY_NOT_ALLOWED,
        )
