"""Which loopback address each component of the laboratory lives on."""

import socket

FACADE = "127.0.0.1"
TOKEN_SERVER = "127.0.0.9"
CDN = "127.0.0.10"
#: The address of each kind of registry, as a client sees it: (authentication, how blobs are delivered).
REGISTRIES = {
    ("none", "inline"): "127.0.1.1",
    ("bearer", "inline"): "127.0.1.2",
    ("basic", "inline"): "127.0.1.3",
    ("none", "redirected"): "127.0.2.1",
    ("bearer", "redirected"): "127.0.2.2",
    ("basic", "redirected"): "127.0.2.3",
}
#: Registries beyond the standing ones (a second one to repoint to, a broken one) take an address here.
SPARE = [f"127.0.3.{number}" for number in range(1, 255)]


def free_port(address: str) -> int:
    """A TCP port that nothing listens on at ``address`` now; another process may still take it before its use."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
