"""What a page shows while its owner works at their DNS: its script presses the button, and takes over what is new.

Without the script the button does the same, by a page of its own.
"""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string

_JSON = "application/json"


def wants_live_answer(request: HttpRequest) -> bool:
    """Whether the page's script asks, and not the button."""
    return request.headers.get("Accept", "") == _JSON


def live_answer(request: HttpRequest, template: str, context: dict[str, Any]) -> JsonResponse:
    """The part of the page as it is now. The script looks for `data-live-part` in it, and for `data-settled`."""
    return JsonResponse({"html": render_to_string(template, context, request)})


def go_on(url: str) -> JsonResponse:
    """There is another page to be on now."""
    return JsonResponse({"go": url})
