"""The formats that there are, by name."""

from collections.abc import Callable
from typing import NamedTuple

from routing.publish import bunny, caddy, cloudflare, envoy, haproxy, netlify, nginx
from routing.publish.documents import Export, Surroundings
from routing.publish.rules import Rules


class Format(NamedTuple):
    """One format: what writes it, the program that it is for, and the arguments that have that judge a file of it.

    Without a program it is for somebody else's servers. `{file}` and `{folder}` stand for the file, and for a folder
    that is thrown away. `remarks` hold for every table.
    """

    write: Callable[[Rules, Surroundings], Export]
    remarks: tuple[str, ...]
    program: str = ""
    check: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "nginx": Format(
        nginx.nginx, nginx.OWN_REMARKS, "nginx", ("-t", "-q", "-c", "{file}", "-g", "pid {folder}/nginx.pid;")
    ),
    "caddy": Format(caddy.caddy, caddy.OWN_REMARKS, "caddy", ("validate", "--config", "{file}")),
    "haproxy": Format(haproxy.haproxy, haproxy.OWN_REMARKS, "haproxy", ("-c", "-q", "-f", "{file}")),
    "envoy": Format(envoy.envoy, envoy.OWN_REMARKS, "envoy", ("--mode", "validate", "-l", "error", "-c", "{file}")),
    "netlify": Format(netlify.netlify, netlify.OWN_REMARKS),
    "cloudflare": Format(cloudflare.cloudflare, cloudflare.OWN_REMARKS),
    "bunny": Format(bunny.bunny, bunny.OWN_REMARKS),
}
