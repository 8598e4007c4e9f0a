"""Judges the proxy on the way by how a question of the doctor's came to the facade (R18)."""

import time

from routing.dataplane.itself.echo import NotThisFacade, Seen, ask_echo
from routing.diagnosis.asking import Place
from routing.diagnosis.report import Report, Taking
from routing.registries.client import RegistryClient
from routing.registries.exceptions import RegistryError

# Some registries' tokens have more than 8 KB, and signed addresses of layers several.
_LONG_TOKEN_BYTES = 9 * 1024
_LONG_HEADER_BYTES = 6 * 1024
_CLOCK_SECONDS = 30
_BEHIND = "docs/how-to/proxies.md has the configuration to copy"


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
            seen = await ask_echo(client, place.url, token_bytes=_LONG_TOKEN_BYTES)
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
            await ask_echo(client, place.url, padding_bytes=_LONG_HEADER_BYTES)
        except (NotThisFacade, RegistryError) as error:
            taking.bad(
                f"it doesn't get through: {error}",
                "Give the proxy larger buffers for the head of an answer (nginx: proxy_buffer_size 32k; "
                f"proxy_buffers 8 32k); {_BEHIND}.",
            )
        else:
            taking.good("it gets through")
