"""One measurement with wrk: keep-alive connections, from the other core, for a few seconds."""

import re
import subprocess
import tempfile
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.servers import AGENT, HOST, LOAD_CORE, PATH, Server

CONNECTIONS = 32
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}

_ONE = f"""
wrk.headers["Host"] = "{HOST}"
wrk.headers["User-Agent"] = "{AGENT}"
wrk.path = "{PATH}"
"""

# A TLS proxy in front names its client in each request, so that no two clients send the same.
_PROXIED = f"""
local random, format = math.random, string.format
function request()
  return format("GET {PATH} HTTP/1.1\\r\\nHost: {HOST}\\r\\nUser-Agent: {AGENT}\\r\\n"
    .. "X-Forwarded-For: 10.%d.%d.%d\\r\\nX-Forwarded-Proto: https\\r\\nX-Forwarded-Host: {HOST}\\r\\n\\r\\n",
    random(0, 255), random(0, 255), random(0, 255))
end
"""

_HOSTNAMES = """
local random, format = math.random, string.format
function request()
  local head = "GET %s HTTP/1.1\\r\\nHost: docker%d.example.com\\r\\nUser-Agent: {agent}\\r\\n\\r\\n"
  return format(head, "{path}", random(0, {hostnames} - 1))
end
"""

_MIX = """
local random, format = math.random, string.format
local agents = {{"docker/28.0.0", "containerd/2.1.0", "containers/5.34 (github.com/containers/image)", "curl/8.5"}}
local names = {{"acme0/app", "acme0/other/deep", "acme0/app", "unknown/app"}}
local blob = "blobs/sha256:" .. string.rep("a", 64)
local tails = {{"manifests/1.0", "manifests/latest", blob, "manifests/%2e"}}
function request()
  return format("GET /v2/%s/%s HTTP/1.1\\r\\nHost: docker0.example.com\\r\\nUser-Agent: %s\\r\\n\\r\\n",
    names[random(#names)], tails[random(20) == 1 and 4 or random(3)], agents[random(#agents)])
end
"""

_NAMES = f"""
local random, format = math.random, string.format
function request()
  return format("GET /v2/%s/x%d/y%d/manifests/%d HTTP/1.1\\r\\nHost: {HOST}\\r\\nUser-Agent: {AGENT}\\r\\n\\r\\n",
    random(2) == 1 and "acme0" or "nobody", random(1e9), random(1e9), random(1e9))
end
"""

_RELAYED = f"""
wrk.headers["Host"] = "{HOST}"
wrk.headers["User-Agent"] = "crane/v0.21"
wrk.headers["Authorization"] = "Bearer x"
wrk.headers["Accept"] = "application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json"
wrk.path = "{PATH}"
"""


# The name to which the handshake belongs leads to loopback for this alone.
_BY_TLS = f"""
function wrk.resolve(host, service)
  wrk.addrs = {{wrk.lookup("127.0.0.1", service)[1]}}
end
wrk.headers["User-Agent"] = "{AGENT}"
wrk.path = "{PATH}"
"""
_CLOSING = """
wrk.headers["Connection"] = "close"
"""


_DIGEST = "sha256:" + "a" * 64
#: What docker asks for in one pull, in this order.
PULL = (
    "/v2/",
    PATH,
    PATH.rpartition("/")[0] + f"/{_DIGEST}",
    *([f"{PATH.rpartition('/manifests/')[0]}/blobs/{_DIGEST}"] * 5),
)
_PULL = f"""
function wrk.resolve(host, service)
  wrk.addrs = {{{{wrk.lookup("127.0.0.1", service)[1]}}}}
end
wrk.headers["User-Agent"] = "{AGENT}"
{{more}}
local paths, asked, turn = {{{{{", ".join(f'"{path}"' for path in PULL)}}}}}, {{{{}}}}, 0
function init()
  for number, path in ipairs(paths) do asked[number] = wrk.format("GET", path) end
end
function request()
  turn = turn % #asked + 1
  return asked[turn]
end
"""


class Load(NamedTuple):
    """What wrk found: requests a second, and the 99th percentile of their latencies in seconds.

    `cpu_seconds` is what the server used of its core for one request: it tells servers apart even where they wait for
    the load.
    """

    rate: float
    p99_seconds: float
    cpu_seconds: float


def one(server: Server, seconds: float) -> Load:
    """For one mapping, the same request again and again."""
    return wrk(server, _ONE, seconds)


def proxied(server: Server, seconds: float) -> Load:
    """For one mapping, as a TLS proxy passes the requests of 16 million clients on."""
    return wrk(server, _PROXIED, seconds)


def hostnames(server: Server, seconds: float) -> Load:
    """Over all of the server's hostnames, chosen at random."""
    return wrk(server, _HOSTNAMES.format(path=PATH, agent=AGENT, hostnames=server.hostnames), seconds)


def mix(server: Server, seconds: float) -> Load:
    """Over clients, endpoints, names that aren't mapped and targets that are refused."""
    return wrk(server, _MIX.format(), seconds)


def random_names(server: Server, seconds: float) -> Load:
    """For another repository each time, half of them below no mapping."""
    return wrk(server, _NAMES, seconds)


def relayed(server: Server, seconds: float) -> Load:
    """For a manifest that is fetched from its registry."""
    return wrk(server, _RELAYED, seconds)


def by_digest(digest: str) -> Callable[[Server, float], Load]:
    """The same for a manifest by its digest."""
    script = _RELAYED.replace("manifests/1.0", f"manifests/{digest}")
    return lambda server, seconds: wrk(server, script, seconds)


def by_tls(server: Server, seconds: float, *, closes: bool) -> Load:
    """For one mapping by TLS; `closes`: on a new connection, with a whole handshake, each."""
    return wrk(server, _BY_TLS + (_CLOSING if closes else ""), seconds)


def pulls_by_tls(server: Server, seconds: float, *, closes: bool) -> Load:
    """The requests of a pull by TLS, again and again; `closes`: each on a new connection."""
    return wrk(server, _PULL.format(more=_CLOSING if closes else ""), seconds)


def wrk(server: Server, script: str, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Run wrk. Exits where answers are missing, or refusals come where the load should meet none."""
    used = server.cpu_seconds()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["taskset", "-c", LOAD_CORE, "/usr/bin/wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s"]
        name = HOST if server.scheme == "https" else "127.0.0.1"
        url = f"{server.scheme}://{name}:{server.port}/"
        done = subprocess.run(
            [*command, "--latency", "-s", file.name, url],
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds + 30,
        )
    used = server.cpu_seconds() - used
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    number = re.search(r"([0-9]+) requests in", done.stdout)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)", done.stdout)
    failed = "Socket errors" in done.stdout or ("Non-2xx" in done.stdout and script not in (_MIX.format(), _NAMES))
    if rate is None or p99 is None or number is None or failed:
        raise SystemExit(f"{server.name}: the measurement failed:\n{done.stdout}")
    return Load(float(rate[1]), float(p99[1]) * _UNITS[p99[2]], used / int(number[1]))
