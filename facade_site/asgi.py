"""The ASGI application, which `make run` and the image serve."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
django_application = get_asgi_application()

# Imported after Django is set up: they read the settings.
from routing.dataplane.asgi import BodyGuard  # noqa: E402
from routing.dataplane.live import live  # noqa: E402

# Loaded before the first request, and outside the event loop.
live.try_refresh()
application = BodyGuard(django_application)  # type: ignore[arg-type]  # Django's own, narrower types
