"""`python -m facade_site.healthcheck [gate]`: exit status 0 when the server of this container answers `/livez`.

With `gate`: when the gate of this container answers anything at all.
"""

import asyncio
import http.client
import sys

from django.core.exceptions import ImproperlyConfigured

from facade_site.standard_streams import open_closed, say
from routing.core.grammar.listeners import Listener, parse_listener

TIMEOUT_SECONDS = 2


def main() -> int:
    """Ask what runs in this container."""
    open_closed()
    try:
        return _ask_gate() if sys.argv[1:] == ["gate"] else _ask_server()
    except ImproperlyConfigured as error:
        say(str(error))
        return 1


def _ask_server() -> int:
    """Ask the server on this machine, by a name on which it answers health checks."""
    from facade_site.variables import FACADE_CONTROL_HOSTS, PORT

    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/livez", headers={"Host": FACADE_CONTROL_HOSTS[0]})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        say(f"/livez on port {PORT}: {error}")
        return 1
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        say(f"/livez on port {PORT}: status {status}")
        return 1
    return 0


def _ask_gate() -> int:
    """Ask the gate nothing: that it says so is enough."""
    from facade_site.variables import FACADE_GATE_BIND

    if not FACADE_GATE_BIND:
        say("FACADE_GATE_BIND is not set: there is no gate to ask")
        return 1
    try:
        line = asyncio.run(asyncio.wait_for(_first_line(parse_listener(FACADE_GATE_BIND)), TIMEOUT_SECONDS))
    except (OSError, TimeoutError) as error:
        say(f"the gate at {FACADE_GATE_BIND}: {error or 'no answer'}")
        return 1
    return 0 if line.startswith(b"HTTP/1.1 ") else 1


async def _first_line(listener: Listener) -> bytes:
    if listener.path:
        reader, writer = await asyncio.open_unix_connection(listener.path)
    else:
        reader, writer = await asyncio.open_connection(listener.host, listener.port)
    try:
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        return await reader.readline()
    finally:
        writer.close()


if __name__ == "__main__":
    sys.exit(main())
