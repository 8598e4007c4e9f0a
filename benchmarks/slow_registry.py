"""A registry of many small images that takes some milliseconds for each answer: `python -m benchmarks.slow_registry`.

    slow_registry.py PORT TAGS MILLISECONDS

It answers what a verification asks: manifests, blobs, the list of tags; and 404 for the rest.
"""

import asyncio
import hashlib
import json
import sys

_IMAGE = "application/vnd.oci.image.manifest.v1+json"


def contents(tags: int) -> dict[str, tuple[str, bytes]]:
    """By path, the media type and the bytes of everything there is."""
    found: dict[str, tuple[str, bytes]] = {"/v2/": ("application/json", b"{}")}
    names = [f"v{number}" for number in range(tags)]
    found["/v2/acme/app/tags/list"] = ("application/json", json.dumps({"tags": names}).encode())
    for name in names:
        config, layer = json.dumps({"of": name}).encode(), f"layer of {name}".encode()
        for body in (config, layer):
            found[f"/v2/acme/app/blobs/{_digest(body)}"] = ("application/octet-stream", body)
        image = {
            "schemaVersion": 2,
            "config": {"mediaType": "application/json", "digest": _digest(config), "size": len(config)},
            "layers": [{"mediaType": "application/octet-stream", "digest": _digest(layer), "size": len(layer)}],
        }
        body = json.dumps(image).encode()
        found[f"/v2/acme/app/manifests/{name}"] = (_IMAGE, body)
        found[f"/v2/acme/app/manifests/{_digest(body)}"] = (_IMAGE, body)
    return found


async def serve(port: int, tags: int, milliseconds: float) -> None:
    """Until it is killed."""
    there = contents(tags)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                method, target, _ = request.decode("latin-1").split(" ", 2)
                await asyncio.sleep(milliseconds / 1000)
                writer.write(_answer(method, there.get(target.partition("?")[0])))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def _answer(method: str, found: tuple[str, bytes] | None) -> bytes:
    if found is None:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    media_type, body = found
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        f"Docker-Content-Digest: {_digest(body)}\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
