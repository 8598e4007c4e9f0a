"""`python -m facade_site.healthcheck`: exit status 0 when the server of this container answers `/livez`."""

import http.client
import sys

from django.core.exceptions import ImproperlyConfigured

from facade_site.standard_streams import open_closed, say

TIMEOUT_SECONDS = 2


def main() -> int:
    """Ask the server on this machine, by a name on which it answers health checks."""
    open_closed()
    try:
        from facade_site.variables import FACADE_CONTROL_HOSTS, PORT
    except ImproperlyConfigured as error:
        say(str(error))
        return 1
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


if __name__ == "__main__":
    sys.exit(main())
