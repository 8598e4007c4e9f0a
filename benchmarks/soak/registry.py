"""The registry of the innocent, and the one that all tenants share: Bearer, one manifest, blobs elsewhere."""

import asyncio
import hashlib
import json
import sys

from benchmarks.soak.children import tell

MANIFEST = json.dumps({"schemaVersion": 2, "layers": [{"digest": "sha256:" + "a" * 64}] * 12}).encode()
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


def answer(target: str, host: str, authorised: bool) -> bytes:
    """What it says."""
    if target.startswith("/token"):
        return _written(200, b'{"token": "t", "access_token": "t", "expires_in": 300}')
    if not authorised:
        challenge = f'Bearer realm="http://{host}/token",service="soak"'
        return _written(401, b'{"errors": [{"code": "UNAUTHORIZED"}]}', f"WWW-Authenticate: {challenge}\r\n")
    if "/blobs/" in target:
        return _written(307, b"", f"Location: http://{host}/content{target}\r\n")
    if "/manifests/" in target:
        return _written(200, MANIFEST, f"Docker-Content-Digest: {DIGEST}\r\n", MANIFEST_TYPE)
    return _written(200, b"{}")


def _written(status: int, body: bytes, headers: str = "", kind: str = "application/json") -> bytes:
    first = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return first.encode() + body


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    try:
        while True:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            await reader.readexactly(int(fields.get("content-length", "0")))
            said = answer(target, fields["host"], "authorization" in fields)
            writer.write(said.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == "HEAD" else said)
            await writer.drain()
    except (OSError, EOFError, ValueError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Serve until the end of input."""
    loop = asyncio.get_running_loop()
    sys.stdin.readline()
    servers = [await asyncio.start_server(serve, address, 0) for address in ("127.0.0.1", "127.0.0.1")]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    tell({"own": f"http://127.0.0.1:{ports[0]}", "shared": f"http://127.0.0.1:{ports[1]}"})
    await loop.run_in_executor(None, sys.stdin.read)
    tell({})


if __name__ == "__main__":
    asyncio.run(main())
