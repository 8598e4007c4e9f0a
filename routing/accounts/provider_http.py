"""What the identity provider answers, read within bounds: an object of JSON that the database can hold, or a refusal.

Everything that the provider is asked (metadata, keys, tokens, user info) goes through `ProviderSession`, so that what
comes after may take an answer for an object.
"""

import json
import re
import time
from typing import Any

import requests
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

from routing.accounts.plain_json import NotPlain, parse_object
from routing.database.connections import give_back_connection

# Of one answer. User info with a few thousand groups has some hundred kilobytes.
_MAX_BYTES = 1024 * 1024
_CONNECT_SECONDS, _TOTAL_SECONDS = 5, 10
# RFC 6749 §5.2: what of a refusal may stand in our log.
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


class ProviderError(OAuth2Error):  # type: ignore[misc]  # django-allauth has no types
    """The provider's answer can't be used. The text stands in the log, so it holds nothing of the answer."""


class ProviderSession(requests.Session):
    """Asks the provider. Raises ProviderError for what it can't read, and requests' exceptions, which are OSErrors."""

    def request(self, method: str, url: str | bytes, *args: Any, **how: Any) -> requests.Response:
        """The answer, read whole. No redirect is followed: the metadata say where everything is."""
        # It may take its time, and no connection to the database waits with it.
        give_back_connection()
        how |= {"timeout": _CONNECT_SECONDS, "stream": True, "allow_redirects": False}
        deadline = time.monotonic() + _TOTAL_SECONDS
        with super().request(method, url, *args, **how) as response:
            # As requests does where it reads by itself, which it does without bounds.
            response._content = _read(response, deadline)
        if not 200 <= response.status_code < 300:
            raise ProviderError(f"{_path(response)} was answered with {response.status_code}{_error_code(response)}")
        try:
            parse_object(response.content)
        except NotPlain as error:
            raise ProviderError(f"{_path(response)} was answered with {error}") from error
        return response


def _read(response: requests.Response, deadline: float) -> bytes:
    content = bytearray()
    for piece in response.iter_content(64 * 1024):
        content += piece
        if len(content) > _MAX_BYTES:
            raise ProviderError(f"{_path(response)} was answered with more than {_MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise ProviderError(f"{_path(response)} took more than {_TOTAL_SECONDS} s to answer")
    return bytes(content)


def _path(response: requests.Response) -> str:
    """Without the query, which may hold a secret."""
    return str(response.url).partition("?")[0]


def _error_code(response: requests.Response) -> str:
    try:
        code = json.loads(response.content).get("error")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return f" {code}" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
