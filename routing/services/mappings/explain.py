"""`explain IMAGE`: which mapping an image falls under, and what every client will meet. Reads only."""

import time
from typing import NamedTuple

from django.conf import settings

from routing.conf import policy
from routing.core.client_support import ClientSupport, Findings, Verdict, client_support
from routing.core.grammar.hosts import InvalidHost, normalise_hostname, parse_authority, wildcard_above
from routing.core.grammar.names import is_digest, is_name, is_tag
from routing.core.grammar.user_agents import Needed
from routing.core.table.mapping_entry import Flag
from routing.core.table.routing_table import Auth, Match, Strategy, Table
from routing.manifest_store.sightings import sightings
from routing.manifest_store.store import Repository, manifest_store, published_via
from routing.models import Hostname, Mapping
from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import NotFound, ServiceError
from routing.services.mappings.former import former_note
from routing.services.mappings.pull_command import authority_of
from routing.table.load import load_table

# Strategies by which the facade says where layers are.
_LOCATED = (Strategy.SPLIT, Strategy.BROKER, Strategy.PUBLISH)
_WORST = (Verdict.WORKS, Verdict.UNKNOWN, Verdict.FAILS)


class Words(NamedTuple):
    """How a door says what to do about something."""

    repoint: str


#: For people with a shell: what to type.
COMMANDS = Words("facade mapping repoint {hostname} {prefix} {target} --reason TEXT")
#: For everybody else.
PLAIN = Words("repoint the mapping to {target}")


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
    """Everything that there is to say about one image. `match` is None where no mapping covers it.

    `to_probe` is the image or the registry that a probe has to look at before more is known; "" for nothing.
    """

    image: Image
    hostname: Hostname
    mapping: Mapping | None
    match: Match | None
    client_support: list[ClientSupport]
    advice: list[str]
    to_probe: str = ""

    @property
    def docker(self) -> ClientSupport:
        """What docker will meet: of its image stores, the one that fares worse."""
        docker = [outlook for outlook in self.client_support if outlook.client.is_docker]
        return max(docker, key=lambda outlook: _WORST.index(outlook.verdict))


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


def explain(actor: Actor, text: str, words: Words = COMMANDS) -> Explanation:
    """What happens to an image. Raises ServiceError, and NotFound for a hostname that isn't here."""
    image = parse_image(text)
    hostname = _serving(actor, image.hostname)
    if hostname is None:
        raise NotFound(
            f"{image.hostname} is not a hostname of this facade",
            code=Code.HOSTNAME_UNKNOWN,
            at_command_line="; “facade hostname list” shows those it has",
        )
    source = f"{image.hostname}/{image.name}"
    return explain_image(load_table(policy(), hostname.name), image, hostname, source, words)


def _serving(actor: Actor, host: str) -> Hostname | None:
    """The hostname that answers for a host, where the actor may see it: itself, a wildcard, what answers for all."""
    names = [host] if host in policy().control_hosts else [host, wildcard_above(host), policy().catch_all]
    found = Hostname.objects.select_related("tenant").filter(name__in=names)
    first = min(found, key=lambda hostname: names.index(hostname.name), default=None)
    if first is None or not Hostname.objects.viewable_by(actor).filter(pk=first.pk).exists():
        return None
    return first


def explain_image(table: Table, image: Image, hostname: Hostname, source: str, words: Words = COMMANDS) -> Explanation:
    """As `explain`, from a table that is there already. `source` is what to call the image's repository.

    Raises NotFound where the mapping has gone since the table was loaded.
    """
    match = table.match_repository(hostname.name, image.name)
    mapping = None
    if match is not None:
        rows = Mapping.objects.select_related("hostname__tenant", "registry")
        mapping = rows.filter(hostname=hostname, prefix=match.prefix).first()
        if mapping is None:
            raise NotFound(f"the mapping of {source} was removed, or changed, at this very moment; ask again")
    findings, to_probe = _findings(mapping, match, source)
    findings = findings._replace(remembered=match is not None and _is_remembered(mapping, match, image.reference))
    found = client_support(table, image.hostname, image.name, image.reference, findings)
    return Explanation(image, hostname, mapping, match, found, _advice(mapping, match, findings, words), to_probe)


def explain_mapping(mapping: Mapping) -> Explanation:
    """As `explain`, for some image under a mapping: the one that was probed, or a name that stands for all."""
    rest = _some_rest(mapping)
    name = _joined(mapping.prefix, "image" if rest is None else rest)
    image = Image(mapping.hostname.sample_name, name, "latest")
    source = _joined(image.hostname, mapping.prefix, "IMAGE" if rest is None else rest)
    return explain_image(load_table(policy(), mapping.hostname.name), image, mapping.hostname, source)


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _some_rest(mapping: Mapping) -> str | None:
    """What follows a mapping's prefix in a repository's name; None where no repository is known."""
    probed, upstream = mapping.probed_repository, mapping.upstream_prefix
    start = f"{upstream}/" if upstream else ""
    if probed and probed.startswith(start):
        return probed[len(start) :]
    # A prefix of its own kind stands for one repository, as far as anybody knows.
    is_one = probed == upstream or mapping.is_repository
    return "" if mapping.prefix and upstream and is_one else None


def _findings(mapping: Mapping | None, match: Match | None, source: str) -> tuple[Findings, str]:
    """What probes have found out about an image, and what is to be probed before more is known."""
    if mapping is None or match is None:
        return Findings(), ""
    doubt, to_probe = _doubt(mapping, match, source)
    return Findings(doubt, mapping.inline_blobs), to_probe


def _is_remembered(mapping: Mapping | None, match: Match, reference: str) -> bool:
    """Whether this machine's memory has the manifest."""
    store = manifest_store()
    if store is None:
        return False
    via = (
        "" if mapping is None or not mapping.is_published else published_via(mapping.table_key, match.registry.account)
    )
    return store.remembers(Repository(match.registry.origin, match.upstream_name, via), reference)


def _doubt(mapping: Mapping, match: Match, source: str) -> tuple[str, str]:
    """Why it isn't known whether the image can be pulled, and what to probe; "" and "" where a probe has seen it."""
    registry = mapping.registry
    if registry.probe_error:
        failed = f"the last probe of {registry} failed: {registry.probe_error}"
        return f"{failed}. Once that is mended, probe it again", str(registry)
    if registry.auth == Auth.UNKNOWN:
        return f"no probe has reached {registry} yet", str(registry)
    if match.strategy is Strategy.PUBLISH:
        return "it is published, and what its account may read only a pull shows: pull it once", ""
    if mapping.probed_repository != match.upstream_name:
        return "no probe has looked for it yet", source
    if mapping.public != "no" and (mapping.probe_error or mapping.public == "unknown"):
        return f"the last probe of it failed: {mapping.probe_error}. Once that is mended, probe it again", source
    if mapping.public == "no" and not mapping.private:
        then = f"set the mapping's option “private”, and pull it once after docker login {_login_at(mapping)}"
        return f"{mapping.probe_error}. If it is private, {then}", ""
    return "", ""


def _advice(mapping: Mapping | None, match: Match | None, findings: Findings, words: Words) -> list[str]:
    """What the operator could change for the better."""
    if mapping is None or match is None:
        return ["No mapping covers this name: add one, or an empty prefix for the whole hostname."]
    advice = [note] if (note := former_note(mapping)) else []
    registry = mapping.registry
    advice += _publication(mapping)
    if not match.flags & Flag.ENABLED:
        advice.append("The mapping is disabled: enable it to serve it.")
    elif findings.doubt:
        advice.append(f"Whether this works is not known yet: {findings.doubt}")
    elif match.needed is Needed.CREDENTIALS and match.strategy not in (Strategy.OPEN, Strategy.PUBLISH):
        advice.append(f"{registry} gives this to nobody without credentials: docker login {_login_at(mapping)}")
    if match.strategy is Strategy.REDIRECT_ONLY and registry.auth != "none":
        advice.append(
            f"Redirect only: clients other than {_able(match)} fail where the registry asks for a token. "
            "Delivery “automatic” serves them too."
        )
    if match.strategy is Strategy.BROKER and registry.auth == "bearer" and match.upstream_name != match.prefix:
        private = bool(match.flags & Flag.PRIVATE)
        if not private:
            advice.append(
                "The repository has another name at the registry, so manifests are relayed for all clients. "
                f"With the same name on both sides, these would be redirected: {_able(match)}."
            )
    if _is_lone(match) and not match.flags & Flag.NAME_DIFFERS:
        target = f"{registry}/{match.upstream_name}"
        repoint = words.repoint.format(hostname=mapping.hostname.name, prefix=match.prefix, target=target)
        advice.append(
            f"{match.prefix} by itself is {match.upstream_name} at {registry}. If it is an image, lead it there: "
            f"{repoint}"
        )
    if findings.inline_blobs and not registry.stream_blobs and match.strategy in _LOCATED:
        advice.append(
            f"{registry} serves layers itself: clients that can't follow a redirect with their token are refused. "
            "The registry's option “stream layers” serves them, at the cost of the traffic."
        )
    return advice + _outage(mapping)


def _publication(mapping: Mapping) -> list[str]:
    """What everybody gets by an account, and whether that is here."""
    if not mapping.is_published:
        return []
    if not mapping.account_sealed:
        return ["It is published, and its account's password is not here, so clients are refused: publish it anew."]
    who, where = mapping.account_user, mapping.registry
    return [f"Published: everybody pulls without credentials what the account {who} may read at {where}."]


def _outage(mapping: Mapping) -> list[str]:
    """Whether manifests came from memory lately, since the registry could not answer."""
    at = sightings.stale_at(mapping.hostname.name, mapping.prefix)
    seconds = None if at is None else max(time.time() - at, 0.0)
    if seconds is None or seconds >= settings.FACADE_STALE_SECONDS:
        return []
    ago = "just now" if seconds < 60 else f"{seconds / 60:.0f} min ago"
    return [
        f"{mapping.registry} could not answer, so manifests came from the facade's memory, last {ago}. "
        "Layers have to wait for the registry."
    ]


def _able(match: Match) -> str:
    return policy().clients.able(match.needed, ping_ends_there=True)


def _login_at(mapping: Mapping) -> str:
    return authority_of(mapping.hostname.sample_name)


def _is_lone(match: Match) -> bool:
    """Whether the prefix itself was asked for, at a registry that keeps one-component names elsewhere."""
    entry = match.registry
    return match.strategy is Strategy.BROKER and match.upstream_name == f"{entry.implicit_namespace}/{match.prefix}"
