"""Pulls as a client would: the manifest, the image's own manifest of an index, and one blob, up to where that lies.

It is led as that kind of client is led (`core/grammar/user_agents.py`): with its `User-Agent`, and with a token at the
hosts to which it brings one. No byte of a layer is read.
"""

from typing import Any, NamedTuple

from routing.core.grammar.names import is_digest, is_tag
from routing.core.grammar.user_agents import Ability, ClientProfile
from routing.diagnosis.asking import Place, error_of
from routing.diagnosis.report import Taking
from routing.registries.auth.challenge import find_challenge
from routing.registries.auth.scopes import repository_scope
from routing.registries.auth.tokens import fetch_token, read_token
from routing.registries.client import RegistryClient, RegistryResponse
from routing.registries.documents import parse_json
from routing.registries.exceptions import RegistryError
from routing.registries.probes.repository import MANIFEST_TYPES
from routing.registries.redirects import REDIRECTS, location_of
from routing.registries.url import parse_registry_url

_MAX_HOPS = 5
_MAX_INDEX_DEPTH = 3
_ACCEPT = ("Accept", ", ".join(MANIFEST_TYPES))


class Image(NamedTuple):
    """What to pull, under the names that people type. No reference: `latest`, else any tag there is."""

    repository: str
    reference: str = ""


class CannotPull(Exception):
    """The client gets no further; the message says where and why, `advice` what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class Pull:
    """One pull by one kind of client. `here` asks the facade; `elsewhere` whoever it leads to."""

    def __init__(self, here: RegistryClient, elsewhere: RegistryClient, place: Place, client: ClientProfile) -> None:
        self._here, self._elsewhere, self._place, self._profile = here, elsewhere, place, client
        # By origin.
        self._tokens: dict[str, str] = {}
        self._is_deaf = False

    async def run(self, image: Image) -> str:
        """Pull, and say how it went. Raises `CannotPull`."""
        try:
            await self._ping(image)
            reference = image.reference or "latest"
            answer = await self._manifest(image, reference, missing_is_fine=not image.reference)
            if answer is None:
                reference = await self._some_tag(image)
                answer = await self._manifest(image, reference)
            assert answer is not None
            how = self._how(answer.url)
            digest = await self._layer(image, answer)
            return f"{image.repository}:{reference}: manifest {how}; {await self._blob(image, digest)}"
        except RegistryError as error:
            raise CannotPull(str(error), "Mend that, or repoint the mapping; then look again.") from None

    async def _ping(self, image: Image) -> None:
        """docker's classic image store takes challenges from its ping alone, and keeps that token for all else."""
        if self._profile.ability is not Ability.DOCKER_PING:
            return
        answer = await self._follow(f"{self._place.url}/v2/", image, "GET", may_authorise=True)
        self._is_deaf = answer.status == 200 and not self._tokens

    async def _manifest(
        self, image: Image, reference: str, *, missing_is_fine: bool = False
    ) -> RegistryResponse | None:
        url = f"{self._place.url}/v2/{image.repository}/manifests/{reference}"
        answer = await self._follow(url, image, "GET", accept=True)
        if answer.status == 200:
            return answer
        if answer.status == 404 and missing_is_fine:
            return None
        raise self._refused(answer, f"the manifest of {image.repository}:{reference}")

    async def _some_tag(self, image: Image) -> str:
        answer = await self._follow(f"{self._place.url}/v2/{image.repository}/tags/list?n=20", image, "GET")
        tags = _object(answer).get("tags") if answer.status == 200 else None
        found = [tag for tag in tags if isinstance(tag, str) and is_tag(tag)] if isinstance(tags, list) else []
        if not found:
            raise self._refused(answer, f"{image.repository}, of which there is neither “latest” nor a list of tags,")
        return found[-1]

    async def _layer(self, image: Image, answer: RegistryResponse) -> str:
        """The digest of some blob of the image; through an index, of its first image of the usual platform."""
        for _ in range(_MAX_INDEX_DEPTH):
            document = _object(answer)
            if "manifests" not in document:
                blobs = [*_descriptors(document.get("layers")), *_descriptors([document.get("config")])]
                if blobs:
                    return str(blobs[0]["digest"])
                break
            entries = _descriptors(document["manifests"])
            usual = [entry for entry in entries if _platform(entry) == ("linux", "amd64")]
            if not entries:
                break
            found = await self._manifest(image, str((usual or entries)[0]["digest"]))
            assert found is not None
            answer = found
        raise CannotPull(f"the manifest of {image.repository} names no layer", "Name another image.")

    async def _blob(self, image: Image, digest: str) -> str:
        url = f"{self._place.url}/v2/{image.repository}/blobs/{digest}"
        answer = await self._follow(url, image, "GET", is_blob=True)
        host = parse_registry_url(answer.url).authority
        if answer.status == 200:
            return f"layer from {'the facade, which streams it' if self._is_here(answer.url) else host}"
        raise self._refused(answer, "a layer")

    # ---------------------------------------------------------------- how
    async def _follow(
        self,
        url: str,
        image: Image,
        method: str,
        *,
        accept: bool = False,
        is_blob: bool = False,
        may_authorise: bool | None = None,
    ) -> RegistryResponse:
        """Ask, past challenges and redirects, as this client does. A redirect to no registry's API ends it: storage."""
        for _ in range(_MAX_HOPS):
            answer = await self._ask(url, method, accept, is_blob)
            if answer.status == 401 and self._authorises(url, may_authorise) and await self._get_token(answer, image):
                answer = await self._ask(url, method, accept, is_blob)
            if answer.status not in REDIRECTS:
                return answer
            url = location_of(answer)
            if is_blob and not parse_registry_url(url).path.startswith("/v2/"):
                # The rest is between the client and the storage, which would send bytes.
                return RegistryResponse(200, answer.headers, b"", url)
        raise CannotPull("it is redirected round and round", "Look where the mapping points to.")

    async def _ask(self, url: str, method: str, accept: bool, is_blob: bool) -> RegistryResponse:
        client = self._here if self._is_here(url) else self._elsewhere
        headers = [("User-Agent", self._profile.sample), *([_ACCEPT] if accept else [])]
        token = self._tokens.get(parse_registry_url(url).origin)
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        if is_blob:
            async with client.open(method, url, headers=headers) as answer:
                body = await answer.read(64 * 1024) if answer.status >= 400 else b""
                return RegistryResponse(answer.status, answer.headers, body, url)
        return await client.request(method, url, headers=headers)

    def _authorises(self, url: str, may_authorise: bool | None) -> bool:
        if may_authorise is not None:
            return may_authorise
        if self._profile.ability is Ability.DOCKER_PING:
            return not self._is_deaf
        return self._is_here(url) or self._profile.ability is not Ability.NOTHING

    async def _get_token(self, answer: RegistryResponse, image: Image) -> bool:
        """Get a token that everybody gets. Raises `CannotPull` where nobody gets one without credentials."""
        challenge = find_challenge(answer.headers.get_list("www-authenticate"), "bearer", "basic")
        where = parse_registry_url(answer.url)
        if challenge is None or challenge.kind == "basic" or not challenge.params.get("realm"):
            return False
        realm, scope = challenge.params["realm"], challenge.params.get("scope") or f"repository:{image.repository}:pull"
        client = self._here if self._is_here(realm) else self._elsewhere
        name = scope.removeprefix("repository:").rpartition(":")[0]
        found = await fetch_token(
            client,
            realm,
            service=challenge.params.get("service"),
            scopes=[repository_scope(name)],
            user_agent=self._profile.sample,
        )
        if found.status in (401, 403):
            raise CannotPull(
                f"{where.authority} gives no token for {name} without credentials: it is private ({error_of(found)})",
                f"Set the mapping's option “private”, and log in: docker login {self._place.authority}",
            )
        if found.status != 200:
            raise CannotPull(f"no token: {error_of(found)}", "Probe the registry: facade probe REGISTRY.")
        self._tokens[where.origin] = read_token(found)
        return True

    def _refused(self, answer: RegistryResponse, what: str) -> CannotPull:
        where = "the facade" if self._is_here(answer.url) else parse_registry_url(answer.url).authority
        said = f"{where} refuses {what}: {error_of(answer)}"
        if answer.status == 401:
            if self._is_here(answer.url):
                return CannotPull(said, f"Log in: docker login {self._place.authority}")
            return CannotPull(
                f"{said}. This client brings no token to where it is redirected",
                "Set the mapping's delivery to “automatic”, and probe it, so that the facade knows what is asked for.",
            )
        if answer.status == 403 and "serves layers itself" in error_of(answer):
            return CannotPull(
                said, "Switch on “stream layers” for this registry, or pull with one of the clients that it names."
            )
        if answer.status == 404:
            return CannotPull(said, "Look whether the image is there, and where the mapping points to: facade explain.")
        return CannotPull(said, "docs/how-to/why-am-i-denied.md says what this answer means.")

    def _how(self, url: str) -> str:
        return "relayed" if self._is_here(url) else f"from {parse_registry_url(url).authority}"

    def _is_here(self, url: str) -> bool:
        return parse_registry_url(url).origin == self._place.url


async def take_pull(taking: Taking, pull: Pull, image: Image) -> None:
    """Pull, and write down how it went."""
    try:
        taking.good(await pull.run(image))
    except CannotPull as refusal:
        taking.bad(str(refusal), refusal.advice)


def _object(answer: RegistryResponse) -> dict[str, Any]:
    try:
        document = parse_json(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise CannotPull("what came is no JSON object", "Look at what the registry answers there.")
    return document


def _descriptors(found: object) -> list[dict[str, Any]]:
    """The well-formed content descriptors in a list (OCI image spec, descriptor.md)."""
    entries = found if isinstance(found, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and is_digest(str(entry.get("digest")))]


def _platform(entry: dict[str, Any]) -> tuple[object, object]:
    platform = entry.get("platform")
    return (platform.get("os"), platform.get("architecture")) if isinstance(platform, dict) else (None, None)
