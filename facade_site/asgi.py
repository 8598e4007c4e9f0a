"""The ASGI application, which `make run` and the image serve."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
django.setup(set_prefix=False)

# Imported after Django is set up: they read the settings.
from django.urls import get_resolver  # noqa: E402

from routing.dataplane.live.live_table import live_table  # noqa: E402
from routing.dataplane.serving.asgi import DataPlane  # noqa: E402
from routing.dataplane.serving.body_guard import BodyGuard  # noqa: E402
from routing.dataplane.serving.django_pages import Pages  # noqa: E402

django_application = Pages()

# The pages' modules, once for all workers: one that imports them at its first page redirects nobody for a second.
_ = get_resolver().url_patterns
# Loaded before the first request, and outside the event loop.
live_table.refresh_or_keep()
# From now on, or a worker's first request would be answered as things were when it started.
live_table.follow()
application = BodyGuard(DataPlane(django_application))  # type: ignore[arg-type]  # Django's own, narrower types
