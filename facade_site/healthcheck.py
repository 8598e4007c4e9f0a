"""`python -m facade_site.healthcheck`: exit status 0 when the server of this container answers `/livez`."""

import http.client
import sys

from facade_site.environment import load

TIMEOUT_SECONDS = 2


def main() -> int:
    """Ask the server on this machine, by a name on which it answers health checks."""
    env = load()
    port = env.int("PORT", default=8000)
    control_hosts: list[str] = env.list("FACADE_CONTROL_HOSTS", default=["localhost"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/livez", headers={"Host": control_hosts[0]})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"/livez on port {port}: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        print(f"/livez on port {port}: status {status}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
