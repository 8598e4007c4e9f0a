"""The WSGI application, for servers that speak no ASGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
application = get_wsgi_application()

# Imported after Django is set up: it reads the settings.
from routing.dataplane.live.live_table import live_table  # noqa: E402

# Loaded before the first request.
live_table.refresh_or_keep()
# From now on, or a worker's first request would be answered as things were when it started.
live_table.follow()
