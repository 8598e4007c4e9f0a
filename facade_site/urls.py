"""What Django answers, on control hosts only: the admin, sign-in, the abuse page, the health checks and the metrics."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from routing.control.views import abuse
from routing.dataplane.health import livez, readyz
from routing.dataplane.metrics_page import metrics_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics_page, name="metrics"),
    path("abuse", abuse, name="abuse"),
    path("accounts/", include("routing.control.urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
