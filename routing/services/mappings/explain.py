"""`explain IMAGE`: which mapping an image falls under, and what every client will meet. Reads only."""

from typing import NamedTuple

from routing.conf import policy
from routing.core.client_support import ClientSupport, client_support
from routing.core.grammar.hosts import InvalidHost, normalise_hostname, parse_authority, wildcard_above
from routing.core.grammar.names import is_digest, is_name, is_tag
from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Match, Strategy, Table
from routing.models import Hostname, Mapping, Registry
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.mappings.pull_command import authority_of
from routing.table.load import load_table


class Image(NamedTuple):
    """An image reference taken apart."""

    hostname: str
    name: str
    reference: str

    @property
    def pull_command(self) -> str:
        """The command that pulls it."""
        joint = "@" if is_digest(self.reference) else ":"
        return f"docker pull {authority_of(self.hostname)}/{self.name}{joint}{self.reference}"


class Explanation(NamedTuple):
    """Everything that there is to say about one image. `match` is None where no mapping leads anywhere."""

    image: Image
    hostname: Hostname
    mapping: Mapping | None
    match: Match | None
    client_support: list[ClientSupport]
    advice: list[str]


def parse_image(text: str) -> Image:
    """Take `docker.acme.com/acme/app:1.0`, or `…@sha256:…`, apart. Raises ServiceError."""
    scheme, separator, rest = text.strip().partition("://")
    rest, _, digest = (rest if separator and scheme in ("docker", "https", "http") else text.strip()).partition("@")
    authority, slash, path = rest.partition("/")
    name, _, tag = path.partition(":")
    if not slash or not name:
        raise ServiceError(f"“{text}” is not an image of a hostname: write it like docker.acme.com/acme/app:1.0")
    try:
        host = normalise_hostname(parse_authority(authority)[0])
    except InvalidHost as error:
        raise ServiceError(f"“{authority}” is not a hostname: {error}") from error
    if not is_name(name):
        raise ServiceError(f"“{name}” is not a repository name: lower-case letters, digits and single separators")
    if (digest and not is_digest(digest)) or (tag and not is_tag(tag)):
        raise ServiceError(f"“{digest or tag}” is not a {'digest' if digest else 'tag'}")
    return Image(host, name, digest or tag or "latest")


def explain(actor: Actor, text: str) -> Explanation:
    """What happens to an image. Raises ServiceError, and NotFound for a hostname that isn't here."""
    image = parse_image(text)
    hostname = _serving(actor, image.hostname)
    if hostname is None:
        raise NotFound(f"{image.hostname} is not a hostname of this facade; manage.py list_mappings shows those it has")
    return explain_image(load_table(policy(), hostname.name), image, hostname)


def _serving(actor: Actor, host: str) -> Hostname | None:
    """The hostname that answers for a host, itself before a wildcard, where the actor may see it."""
    names = {host} if host in policy().control_hosts else {host, wildcard_above(host)}
    found = Hostname.objects.select_related("tenant").filter(name__in=names)
    first = min(found, key=lambda hostname: hostname.name != host, default=None)
    if first is None or not Hostname.objects.viewable_by(actor).filter(pk=first.pk).exists():
        return None
    return first


def explain_image(table: Table, image: Image, hostname: Hostname) -> Explanation:
    """As `explain`, from a table that is there already."""
    match = table.match_repository(hostname.name, image.name)
    mapping = None
    if match is not None:
        mapping = Mapping.objects.select_related("hostname__tenant", "registry").get(
            hostname=hostname, prefix=match.prefix
        )
    inline = mapping is not None and mapping.registry.blob_delivery == Registry.BlobDelivery.INLINE
    found = client_support(table, image.hostname, image.name, image.reference, inline_blobs=inline)
    return Explanation(image, hostname, mapping, match, found, _advice(mapping, match, inline))


def explain_mapping(mapping: Mapping) -> Explanation:
    """As `explain`, for some image under a mapping: the one that was probed, or a name that stands for all."""
    upstream = mapping.probed_repository
    start = f"{mapping.upstream_prefix}/" if mapping.upstream_prefix else ""
    rest = upstream[len(start) :] if upstream.startswith(start) else "image"
    if mapping.prefix and (upstream == mapping.upstream_prefix or mapping.table_flags & Flag.NAME_DIFFERS):
        rest = ""
    name = "/".join(part for part in (mapping.prefix, rest) if part)
    image = Image(mapping.hostname.sample_name, name, "latest")
    return explain_image(load_table(policy(), mapping.hostname.name), image, mapping.hostname)


def _advice(mapping: Mapping | None, match: Match | None, inline: bool) -> list[str]:
    """What the operator could change for the better."""
    if mapping is None or match is None:
        return ["No mapping covers this name: add one, or an empty prefix for the whole hostname."]
    advice = []
    registry = mapping.registry
    if not match.flags & Flag.ENABLED:
        advice.append("The mapping is switched off: switch it on to serve it.")
    if registry.probe_error:
        advice.append(f"The last probe of {registry} failed: {registry.probe_error}")
    elif registry.auth == "unknown":
        advice.append(f"No probe has reached {registry} yet: manage.py probe {registry}")
    if match.strategy is Strategy.REDIRECT_ONLY and registry.auth != "none":
        advice.append(
            "Redirect only: clients other than docker, containerd and buildkit fail where the registry asks for a "
            "token. Delivery “automatic” serves them too."
        )
    if match.strategy is Strategy.BROKER and registry.auth == "bearer" and match.upstream_name != match.prefix:
        private = bool(match.flags & Flag.PRIVATE)
        if not private:
            advice.append(
                "The repository has another name at the registry, so every client's manifests are relayed. "
                "With the same name on both sides docker and containerd would be redirected."
            )
    if _is_lone(match) and not match.flags & Flag.NAME_DIFFERS:
        advice.append(
            f"{match.prefix} by itself is {match.upstream_name} at {registry}. If it is an image, lead it there: "
            f"manage.py repoint {mapping.hostname.name} {match.prefix} {registry}/{match.upstream_name} --reason TEXT"
        )
    if inline and not registry.stream_blobs and match.strategy in (Strategy.SPLIT, Strategy.BROKER):
        advice.append(
            f"{registry} serves layers itself: clients that can't follow a redirect with their token are refused. "
            "Streaming, a switch of the registry, serves them, at the cost of the traffic."
        )
    return advice


def _is_lone(match: Match) -> bool:
    """Whether the prefix itself was asked for, at a registry that keeps one-component names elsewhere."""
    entry = match.registry
    return match.strategy is Strategy.BROKER and match.upstream_name == f"{entry.implicit_namespace}/{match.prefix}"
