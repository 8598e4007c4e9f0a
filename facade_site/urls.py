"""What Django answers, on control hosts only: admin, sign-in, API, the abuse page, health checks and metrics."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from routing.accounts.shared_reports import shared_report
from routing.accounts.views import abuse
from routing.api.api import api
from routing.api.errors import api_not_found
from routing.api.routers.reference import reference
from routing.dataplane.views.health import livez, readyz
from routing.dataplane.views.metrics import metrics_page

handler400 = "routing.accounts.error_pages.bad_request"
handler500 = "routing.unavailable.views.server_error"

# Whose pages are under "admin/" below.
admin.autodiscover()

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics_page, name="metrics"),
    path("abuse", abuse, name="abuse"),
    path("self-tests/<int:self_test_id>/<str:token>", shared_report, name="shared_report"),
    path("api/v1/", reference, name="api_reference"),
    path("api/v1/", api.urls),
    path("api/<path:path>", api_not_found, name="api_nothing"),
    re_path("^api/?$", api_not_found, name="api_root"),
    path("accounts/", include("routing.accounts.urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
