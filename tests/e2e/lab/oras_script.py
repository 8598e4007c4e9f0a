"""Pull an artifact with the PyPI package `oras`, in a process of its own: it prints, and it knows no time limit.

Usage: oras_script.py REFERENCE DIRECTORY token|basic [USER PASSWORD]. The manifest's digest is the last line.
"""

import hashlib
import sys
import time

import oras.client
import requests


def main(reference: str, directory: str, backend: str, *credentials: str) -> None:
    # oras retries everything, a refusal included, for more than two minutes. The attempts stay, the waiting goes.
    time.sleep = lambda _seconds: None
    client = oras.client.OrasClient(hostname=reference.partition("/")[0], insecure=True, auth_backend=backend)
    if credentials:
        client.auth.set_basic_auth(*credentials)
    manifests = []

    def remember(response: requests.Response, *_: object, **__: object) -> None:
        if response.status_code == 200 and "/manifests/" in response.url:
            manifests.append(response.content)

    client.session.hooks["response"].append(remember)
    client.pull(target=reference, outdir=directory)
    print("sha256:" + hashlib.sha256(manifests[-1]).hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
