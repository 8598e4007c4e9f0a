"""A question that only this facade can answer (R18), and the answer: who signs it has this server's key."""

import json
import secrets
import time
from typing import NamedTuple

from routing.core.grammar.echo import EchoQuestion
from routing.crypto import ECHO_ANSWERS, ECHO_QUESTIONS, is_signature, signature
from routing.registries.client import RegistryClient, RegistryResponse

_SIGNATURE_LENGTH = 43


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


async def ask_echo(client: RegistryClient, url: str, *, padding_bytes: int = 0, token_bytes: int = 0) -> Seen:
    """How the facade sees a request to a place, which is a URL without a path. Raises `NotThisFacade`, `RegistryError`.

    `padding_bytes`: of a header field that the answer shall have; `token_bytes`: of the question's `Authorization`.
    """
    nonce = secrets.token_hex(16)
    question = EchoQuestion(int(time.time()), padding_bytes, nonce)
    signed = question._replace(signature=signature(ECHO_QUESTIONS, question.signed_text, _SIGNATURE_LENGTH))
    headers = [("Authorization", f"Bearer {'t' * token_bytes}")] if token_bytes else []
    answer = await client.request("GET", f"{url}{signed.path}", headers=headers)
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
