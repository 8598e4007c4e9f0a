"""Django's handler of errors, which knows those of the database."""

import sys

from django.http import HttpRequest, HttpResponse

from routing.accounts import error_pages
from routing.database.failures import Failure, failure_of
from routing.database.outage import outage
from routing.unavailable.answers import refuse


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for what went wrong: on our side, or because the database can't be used."""
    # Django calls this while it handles the error.
    failure = failure_of(sys.exc_info()[1])
    if failure is None:
        return error_pages.server_error(request)
    if failure is Failure.GONE:
        outage.begin(failure)
    return refuse(request, failure)
