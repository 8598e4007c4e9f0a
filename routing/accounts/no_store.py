"""Nothing that Django answers is kept by a browser or a cache on the way, unless the view says so.

Pages show recovery codes, keys of authenticator apps, tokens and links once, and everything else is somebody's own.
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin


class NoStoreMiddleware(MiddlewareMixin):
    """Stands behind WhiteNoise, whose static files are to be kept."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Forbid keeping the answer."""
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response
