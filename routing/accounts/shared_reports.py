"""The page of a self-test's report that was shared: for everybody who has the link, without signing in.

On control hosts alone: it asks the database, which a hostname's address never does. It sets no cookie, and runs
nothing.
"""

from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from routing.diagnosis.shared_report import shared_steps
from routing.services.hostnames.self_tests import shared_self_test

# Beyond what the columns hold there is no row to look for.
_MOST = 2**63 - 1
# Beside what every page forbids.
_FORBIDDEN = ("script-src", "connect-src", "font-src", "form-action")
_NARROWER = {**{name: [NONE] for name in _FORBIDDEN}, "img-src": [SELF]}


@require_safe
@csp_replace(_NARROWER)  # type: ignore[arg-type]  # its views take a request alone
def shared_report(request: HttpRequest, self_test_id: int, token: str) -> HttpResponse:
    """The report; 404 for every other link, whether it was ever good or not."""
    row = shared_self_test(self_test_id, token) if self_test_id <= _MOST else None
    if row is None:
        raise Http404
    context = {"hostname": row.hostname.name, "at": row.at, "passed": row.passed, "steps": shared_steps(row)}
    answer = render(request, "routing/shared_report.html", context)
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
