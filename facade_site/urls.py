"""What Django answers, on control hosts only: admin, sign-in, API, the abuse page, health checks and metrics."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from routing.api.door import api
from routing.api.errors import nothing_here
from routing.api.reference import reference
from routing.control.views import abuse
from routing.dataplane.health import livez, readyz
from routing.dataplane.metrics_page import metrics_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics_page, name="metrics"),
    path("abuse", abuse, name="abuse"),
    path("api/v1/", reference, name="api_reference"),
    path("api/v1/", api.urls),
    path("api/<path:path>", nothing_here, name="api_nothing"),
    path("accounts/", include("routing.control.urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
