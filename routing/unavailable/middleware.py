"""Pages and the API are refused at once while the database is known to be gone, rather than after its deadlines."""

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from routing.database.outage import outage
from routing.unavailable.answers import refuse

# All that asks the database. Static files, /abuse, health and metrics don't.
_ASKING = ("/admin/", "/accounts/", "/api/", "/self-tests/")


class DatabaseMiddleware(MiddlewareMixin):
    """Stands before sessions, which ask the database first."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """None where the request may go on."""
        failure = outage.failure
        if failure is None or not request.path_info.startswith(_ASKING):
            return None
        return refuse(request, failure)
