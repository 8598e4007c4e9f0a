"""What is refused below /api/ before the API is asked, or beside it, has the API's form too."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from routing.api.errors import code_of_status, problem

# What says something of the body that was there before.
_OF_THE_BODY = frozenset(
    {"content-disposition", "content-encoding", "content-language", "content-length", "content-type", "etag"}
)
_MESSAGES = {
    400: "the request can't be read",
    404: "there is nothing at this address; /api/v1/ describes the API",
    500: "something is wrong on the server, and it was logged; tell its operators the request's id",
}


class ProblemMiddleware(MiddlewareMixin):
    """Other middleware, Django itself and its pages for errors speak to people."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The same refusal, as a problem."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        is_below = request.path_info == "/api" or request.path_info.startswith("/api/")
        if response.status_code < HTTPStatus.BAD_REQUEST or not is_below or kind == "application/json":
            return response
        text = response.content.decode(errors="replace").strip() if isinstance(response, HttpResponse) else ""
        message = text if kind == "text/plain" and text else _MESSAGES.get(response.status_code, "")
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # Each time in the same order.
            response["Allow"] = ", ".join(sorted(method.strip() for method in response["Allow"].split(",")))
            message = f"{request.method} can't be asked of this address; it takes {response['Allow']}"
        phrase = HTTPStatus(response.status_code).phrase.lower()
        answer = problem(response.status_code, code_of_status(response.status_code), message or phrase)
        for name, value in response.headers.items():
            # All else holds for the refusal too: that it is not to be kept, nor run, and when to come back.
            if name.lower() not in _OF_THE_BODY:
                answer[name] = value
        # What was refused has been logged.
        answer._has_been_logged = True  # type: ignore[attr-defined]
        return answer
