"""What every client asks a hostname first: the ping, the challenge's realm, a token."""

from urllib.parse import urlencode

from routing.core.grammar.names import is_name
from routing.diagnosis.asking import Place, error_of
from routing.diagnosis.report import Report, Taking
from routing.registries.auth.challenge import find_challenge
from routing.registries.client import RegistryClient, RegistryResponse
from routing.registries.exceptions import RegistryError

_DOCKER, _PODMAN = "docker/28.4.0", "containers/5.34.1 (github.com/containers/image)"


async def take_registry_steps(report: Report, client: RegistryClient, place: Place, repository: str) -> None:
    """The ping of docker and of podman, the challenge's realm, and `/token`, of a repository where one is known."""
    for name, agent in (("docker", _DOCKER), ("podman", _PODMAN)):
        with report.step(f"ping ({name})", f"GET {place.url}/v2/") as taking:
            await _ping(taking, client, place, agent)
    with report.step("challenge", "the realm to which clients bring their credentials") as taking:
        await _challenge(taking, client, place, repository)
    with report.step("token", f"GET {_token_url(place, repository)}") as taking:
        await _token(taking, client, place, repository)


async def _ping(taking: Taking, client: RegistryClient, place: Place, agent: str) -> None:
    try:
        answer = await client.request("GET", f"{place.url}/v2/", headers=[("User-Agent", agent)])
    except RegistryError as error:
        taking.bad(str(error), "Look at the facade's log, and at its proxy's.")
        return
    if "docker-distribution-api-version" not in answer.headers:
        taking.bad(
            f"status {answer.status} without Docker-Distribution-Api-Version",
            "Let the proxy hand on all paths and all header fields of answers.",
        )
    elif answer.status in (200, 401):
        taking.good(f"status {answer.status}" + (", a challenge" if answer.status == 401 else ", nothing is asked for"))
    elif answer.status == 307:
        taking.good(f"status 307, to {answer.headers.get('location', '')}")
    else:
        taking.bad(error_of(answer), "See docs/how-to/why-am-i-denied.md for what this answer means.")


async def _challenge(taking: Taking, client: RegistryClient, place: Place, repository: str) -> None:
    path = f"/v2/{repository}/manifests/latest" if repository else "/v2/"
    try:
        answer = await client.request("GET", f"{place.url}{path}", headers=[("User-Agent", _PODMAN)])
    except RegistryError as error:
        taking.bad(str(error), "Look at the facade's log, and at its proxy's.")
        return
    if answer.status != 401:
        taking.skipped("nobody is asked for a token here")
        return
    realm, wanted = realm_of(answer), f"{place.url}/token"
    if realm == wanted:
        taking.good(realm)
    else:
        taking.bad(
            f"{realm or 'none'}, where clients reach the facade at {wanted}",
            "Mend what the steps “scheme” and “host” say.",
        )


async def _token(taking: Taking, client: RegistryClient, place: Place, repository: str) -> None:
    try:
        answer = await client.request("GET", _token_url(place, repository), headers=[("User-Agent", _PODMAN)])
    except RegistryError as error:
        taking.bad(str(error), "Look at the facade's log, and at its proxy's.")
        return
    if answer.status == 200:
        taking.good("status 200, a token")
    elif answer.status in (401, 403):
        taking.warning(
            f"{error_of(answer)}: nobody gets one without credentials",
            f"Log in first: docker login {place.authority}" if repository else "",
        )
    else:
        taking.bad(error_of(answer), "Probe the registry: facade probe; the facade's log has more.")


def realm_of(answer: RegistryResponse) -> str:
    """The realm of an answer's Bearer challenge; "" where it has none."""
    found = find_challenge(answer.headers.get_list("www-authenticate"), "bearer")
    return "" if found is None else found.params.get("realm", "")


def _token_url(place: Place, repository: str) -> str:
    fields = [("service", place.host)]
    if is_name(repository):
        fields.append(("scope", f"repository:{repository}:pull"))
    return f"{place.url}/token?{urlencode(fields, safe=':/,')}"
