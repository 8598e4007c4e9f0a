"""The answer to the doctor's question: signed by the server's key, what this facade sees of a request (R18).

Nobody else can ask, since the question is signed by the same key, and nothing is told to those who try.
"""

import json
import time

from routing.core.grammar.echo import ECHO_SECONDS, parse_echo_path
from routing.crypto import ECHO_ANSWERS, ECHO_QUESTIONS, is_signature, signature
from routing.dataplane.request.client_request import ClientRequest
from routing.dataplane.request.forwarded import forwarded_client, is_trusted
from routing.dataplane.request.responses import INERT, Response, error

SIGNATURE_LENGTH = 43
_STRANGERS = "this is for the doctor of this facade, whose question is signed by the facade's key; yours is not"


def echo(request: ClientRequest) -> Response:
    """What this facade sees of the request, for a question that was signed by its key just now; 404 for any other."""
    question = parse_echo_path(request.path)
    if question is None or not is_signature(ECHO_QUESTIONS, question.signed_text, question.signature):
        return error(404, "UNSUPPORTED", _STRANGERS)
    if abs(time.time() - question.at) > ECHO_SECONDS:
        return error(404, "UNSUPPORTED", f"this question was not made just now; this facade's clock says {_now()}")
    seen = json.dumps(_seen(request))
    # Signed with the nonce, so that no earlier answer passes for this one's.
    proof = signature(ECHO_ANSWERS, question.nonce + seen, SIGNATURE_LENGTH)
    body = json.dumps({"seen": seen, "proof": proof}).encode()
    headers = [
        ("Content-Type", "application/json"),
        *INERT,
        ("Cache-Control", "no-store"),
        ("Content-Length", str(len(body))),
    ]
    if question.padding_bytes:
        headers.append(("X-Padding", "p" * question.padding_bytes))
    return Response(200, headers, body)


def _seen(request: ClientRequest) -> dict[str, object]:
    fields, origin = request.fields, request.public_origin
    return {
        "scheme": origin.scheme,
        "host": origin.authority,
        "peer": request.peer_address,
        "is_peer_trusted": is_trusted(request.peer_address),
        "client": forwarded_client(fields, request.peer_address),
        "forwarded": sorted(name for name in fields if name == "forwarded" or name.startswith("x-forwarded-")),
        "authorization_length": len(request.authorization),
        "http_version": request.http_version,
        "clock": time.time(),
    }


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
