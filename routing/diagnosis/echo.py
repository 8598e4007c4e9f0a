"""Asks the facade how a question of the doctor's came to it (R18), and judges the proxy on the way by the answer."""

import json
import secrets
import time
from typing import NamedTuple

from routing.core.grammar.echo import EchoQuestion
from routing.crypto import ECHO_ANSWERS, ECHO_QUESTIONS, is_signature, signature
from routing.diagnosis.asking import Place
from routing.diagnosis.report import Report, Taking
from routing.registries.client import RegistryClient, RegistryResponse
from routing.registries.exceptions import RegistryError

# Some registries' tokens have more than 8 KB, and signed addresses of layers several.
_LONG_TOKEN_BYTES = 9 * 1024
_LONG_HEADER_BYTES = 6 * 1024
_SIGNATURE_LENGTH = 43
_CLOCK_SECONDS = 30
_BEHIND = "docs/how-to/proxies.md has the configuration to copy"


class Seen(NamedTuple):
    """What the facade saw of a request."""

    scheme: str
    host: str
    peer: str
    is_peer_trusted: bool
    client: str
    forwarded: tuple[str, ...]
    authorization_length: int
    http_version: str
    clock: float


class NotThisFacade(Exception):
    """Somebody else answered, or nobody; the message says who, `advice` what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


async def ask_echo(client: RegistryClient, place: Place, *, padding_bytes: int = 0, token_bytes: int = 0) -> Seen:
    """How the facade sees a request to a place. Raises `NotThisFacade`, `RegistryError`.

    `padding_bytes`: of a header field that the answer shall have; `token_bytes`: of the question's `Authorization`.
    """
    nonce = secrets.token_hex(16)
    question = EchoQuestion(int(time.time()), padding_bytes, nonce)
    signed = question._replace(signature=signature(ECHO_QUESTIONS, question.signed_text, _SIGNATURE_LENGTH))
    headers = [("Authorization", f"Bearer {'t' * token_bytes}")] if token_bytes else []
    answer = await client.request("GET", f"{place.url}{signed.path}", headers=headers)
    return _read(answer, nonce)


def _read(answer: RegistryResponse, nonce: str) -> Seen:
    if answer.status != 200:
        raise _other(answer)
    try:
        told = json.loads(answer.body)
        seen, proof = str(told["seen"]), str(told["proof"])
        if len(proof) != _SIGNATURE_LENGTH or not is_signature(ECHO_ANSWERS, nonce + seen, proof):
            raise ValueError
        facts = json.loads(seen)
        return Seen(**{**facts, "forwarded": tuple(facts["forwarded"])})
    except (ValueError, KeyError, TypeError):
        raise _other(answer) from None


def _other(answer: RegistryResponse) -> NotThisFacade:
    server = answer.headers.get("server", "")
    who = f" ({server})" if server else ""
    body = answer.body[:4096].decode("utf-8", "replace")
    if answer.status == 404 and "signed by the facade's key" in body:
        return NotThisFacade(
            "a facade answers, but with another key than this one has",
            "Give all servers, and this command, the same SECRET_KEY; or the record leads to another facade.",
        )
    if answer.status == 404 and "was not made just now" in body:
        return NotThisFacade("this facade answers, but its clock is another", "Set both clocks, by NTP.")
    if answer.status in (502, 504):
        return NotThisFacade(
            f"a proxy{who} answers {answer.status}: it can't reach the facade",
            "Look whether the facade runs, and whether the proxy leads to its address and port.",
        )
    if answer.status == 503:
        return NotThisFacade(f"status 503{who}: the facade is starting, or its proxy has no server", "Try again.")
    if 300 <= answer.status < 400:
        return NotThisFacade(
            f"it redirects{who}, where clients ask for no redirect",
            "Lead the hostname to the facade without a redirect; clients come by https as it is.",
        )
    return NotThisFacade(
        f"another server{who} answers, with status {answer.status}",
        "Let the address record lead to this facade, and its proxy hand this hostname on to the facade.",
    )


def judge_host(taking: Taking, seen: Seen, place: Place) -> None:
    """Whether the proxy hands on the host that was asked for."""
    if seen.host == place.authority:
        taking.good(f"the facade sees {seen.host}")
        return
    taking.bad(
        f"the facade sees {seen.host or 'no host'}, where clients ask for {place.authority}",
        f"Let the proxy hand on the Host header (nginx: proxy_set_header Host $http_host); {_BEHIND}.",
    )


def judge_scheme(taking: Taking, seen: Seen, place: Place) -> None:
    """Whether the facade knows the scheme by which clients come: its challenges name it."""
    if seen.scheme == place.scheme:
        by = f", from a proxy at {seen.peer} that is trusted" if seen.is_peer_trusted else ""
        taking.good(f"the facade sees {seen.scheme}{by}")
        return
    came = f"the facade sees {seen.scheme}, and clients come by {place.scheme}: its challenges name the wrong address"
    says = {"x-forwarded-proto", "forwarded"} & set(seen.forwarded)
    if says and not seen.is_peer_trusted:
        taking.bad(f"{came}. The proxy at {seen.peer} is not trusted", f"Add {seen.peer} to FACADE_TRUSTED_PROXIES.")
    elif not seen.is_peer_trusted:
        taking.bad(
            f"{came}. What comes from {seen.peer} does not say by which scheme",
            "Let the proxy send X-Forwarded-Proto, and add its address to FACADE_TRUSTED_PROXIES.",
        )
    else:
        taking.bad(came, f"Let the proxy send X-Forwarded-Proto: {place.scheme}; {_BEHIND}.")


def judge_client(taking: Taking, seen: Seen) -> None:
    """Whether the facade knows who asks: sign-ins are counted by it, and the access log has it."""
    if seen.is_peer_trusted and seen.client == seen.peer and not {"x-forwarded-for", "forwarded"} & set(seen.forwarded):
        taking.warning(
            f"the facade sees {seen.client}, which is the proxy: it can't tell its clients apart",
            f"Let the proxy send X-Forwarded-For; {_BEHIND}.",
        )
        return
    taking.good(f"the facade sees this machine as {seen.client}")


def judge_clock(taking: Taking, seen: Seen) -> None:
    """Whether the server's clock and this one's agree."""
    off = seen.clock - time.time()
    if abs(off) > _CLOCK_SECONDS:
        taking.warning(f"the server's clock is {off:+.0f} s off this machine's", "Set both clocks, by NTP.")
    else:
        taking.good("the server's clock and this machine's agree")


async def take_long_headers(report: Report, client: RegistryClient, place: Place) -> None:
    """Send, and have sent, header fields as long as registries' tokens and signed addresses are."""
    with report.step("long token", f"a request with {_LONG_TOKEN_BYTES:,} bytes of Authorization") as taking:
        try:
            seen = await ask_echo(client, place, token_bytes=_LONG_TOKEN_BYTES)
        except (NotThisFacade, RegistryError) as error:
            taking.bad(
                f"it doesn't get through: {error}",
                f"Give the proxy longer header lines (nginx: large_client_header_buffers 4 32k); {_BEHIND}.",
            )
        else:
            if seen.authorization_length > _LONG_TOKEN_BYTES:
                taking.good("it gets through")
            else:
                taking.bad("it gets through without its token", "Let the proxy hand on the Authorization header.")
    with report.step("long address", f"an answer with {_LONG_HEADER_BYTES:,} bytes in a header field") as taking:
        try:
            await ask_echo(client, place, padding_bytes=_LONG_HEADER_BYTES)
        except (NotThisFacade, RegistryError) as error:
            taking.bad(
                f"it doesn't get through: {error}",
                "Give the proxy larger buffers for the head of an answer (nginx: proxy_buffer_size 32k; "
                f"proxy_buffers 8 32k); {_BEHIND}.",
            )
        else:
            taking.good("it gets through")
