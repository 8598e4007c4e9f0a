"""A core request, sent through all of Django as the two kinds of server hand it over, and what came back."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from django.http.response import HttpResponseBase
from django.test import AsyncClient, Client

from routing.core.decide import Request
from routing.dataplane.serving.asgi import DataPlane
from routing.dataplane.serving.body_guard import Receive, Scope, Send
from tests.dataplane.facade_client import SERVER, asgi_response


class Wire(NamedTuple):
    """An answer: header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def wire_of(response: Any) -> Wire:
    """What is in a response of Django's."""
    answered: HttpResponseBase = response
    headers = {name.lower(): value for name, value in answered.items()}
    return Wire(answered.status_code, headers, response.content)


def environ_of(request: Request) -> dict[str, Any]:
    """The WSGI environment that gunicorn makes of the request (PEP 3333: latin-1; RAW_URI is gunicorn's own)."""
    environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote_to_bytes(request.path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": f"{request.path}?{request.query}" if request.query else request.path,
        "HTTP_USER_AGENT": request.user_agent,
    }
    if request.host:
        environ["HTTP_HOST"] = request.host
    if request.authorized:
        environ["HTTP_AUTHORIZATION"] = "Bearer x"
    return environ


def scope_of(request: Request) -> dict[str, Any]:
    """The ASGI scope that uvicorn makes of the request."""
    raw_path = request.path.encode("latin-1")
    headers = [(b"user-agent", request.user_agent.encode("latin-1"))]
    if request.host:
        headers.append((b"host", request.host.encode("latin-1")))
    if request.authorized:
        headers.append((b"authorization", b"Bearer x"))
    return {
        "method": request.method,
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": request.query.encode("latin-1"),
        "headers": headers,
    }


def send(client: Client, request: Request) -> Wire:
    """Send a request as a WSGI server would."""
    return wire_of(client.request(**environ_of(request)))


async def send_async(client: AsyncClient, request: Request) -> Wire:
    """Send a request as an ASGI server would."""
    return wire_of(await client.request(**scope_of(request)))


async def send_before_django(request: Request) -> Wire:
    """Send a request to the ASGI application, which mustn't hand it on."""
    return Wire(*await asgi_response(DataPlane(_nobody), {**SERVER, **scope_of(request)}))


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("this went on to Django")
