"""One measurement with wrk: keep-alive connections, from the other core, for a few seconds."""

import re
import subprocess
import tempfile

from benchmarks.servers import LOAD_CORE, PATH, Server

CONNECTIONS = 32

_ONE = f"""
wrk.headers["Host"] = "docker0.example.com"
wrk.headers["User-Agent"] = "docker/28.0.0"
wrk.path = "{PATH}"
"""

_HOSTNAMES = """
local random, format = math.random, string.format
function request()
  local head = "GET %s HTTP/1.1\\r\\nHost: docker%d.example.com\\r\\nUser-Agent: docker/28.0.0\\r\\n\\r\\n"
  return format(head, "{path}", random(0, {hostnames} - 1))
end
"""

_MIX = """
local random, format = math.random, string.format
local agents = {{"docker/28.0.0", "containerd/2.1.0", "containers/5.34 (github.com/containers/image)", "curl/8.5"}}
local names = {{"acme0/app", "acme0/other/deep", "acme0/app", "unknown/app"}}
local blob = "blobs/sha256:" .. string.rep("a", 64)
local tails = {{"manifests/1.0", "manifests/latest", blob, "tags/list", "manifests/%2e"}}
function request()
  return format("GET /v2/%s/%s HTTP/1.1\\r\\nHost: docker0.example.com\\r\\nUser-Agent: %s\\r\\n\\r\\n",
    names[random(#names)], tails[random(1, 3) + (random(20) == 1 and 2 or 0)], agents[random(#agents)])
end
"""


def one(server: Server, seconds: float) -> float:
    """Requests a second for one mapping."""
    return _wrk(server, _ONE, seconds)


def hostnames(server: Server, seconds: float) -> float:
    """Requests a second over all of the server's hostnames, chosen at random."""
    return _wrk(server, _HOSTNAMES.format(path=PATH, hostnames=server.hostnames), seconds)


def mix(server: Server, seconds: float) -> float:
    """Requests a second over clients, endpoints, names that aren't mapped and targets that are refused."""
    return _wrk(server, _MIX.format(), seconds)


def _wrk(server: Server, script: str, seconds: float) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["taskset", "-c", LOAD_CORE, "/usr/bin/wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s"]
        url = f"http://127.0.0.1:{server.port}/"
        done = subprocess.run(
            [*command, "-s", file.name, url], check=True, capture_output=True, text=True, timeout=seconds + 30
        )
    found = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    if found is None or "Socket errors" in done.stdout:
        raise SystemExit(f"{server.name}: the measurement failed:\n{done.stdout}")
    return float(found[1])
