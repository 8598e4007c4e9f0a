"""Pages and the API are refused at once while the database is known to be gone, rather than after its deadlines."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from routing.database.outage import outage
from routing.unavailable.answers import refuse

# All that asks the database. Static files, /abuse, health and metrics don't.
_ASKING = ("/admin/", "/accounts/", "/api/")


class DatabaseMiddleware(MiddlewareMixin):
    """Stands before sessions, which ask the database first."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """None where the request may go on."""
        if not request.path_info.startswith(_ASKING):
            return None
        failure = outage.failure
        if failure is not None:
            return refuse(request, failure)
        outage.enter()
        return None

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Nothing is asked any more."""
        outage.leave()
        return response
