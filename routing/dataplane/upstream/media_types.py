"""Which media types of a registry's answer are handed on.

A browser that is led to a hostname of the facade must find nothing there that it runs: HTML, XHTML, SVG, XML with a
style sheet, or what it takes for one of these. So types are allowed by name, and no others. All manifests, indexes and
lists are JSON by their types (OCI image spec, "Media Types"; Docker's schemata 1 and 2). The type of Docker's signed
manifests, which are JSON too, says so in another way.
"""

import re
from functools import lru_cache

# Content whose type nobody knows (RFC 9110 §8.3). Browsers neither show nor run it.
UNKNOWN = "application/octet-stream"
_ALLOWED = re.compile(r"application/(?:json|[a-z0-9][a-z0-9!#$&^_.-]*+\+(?:json|prettyjws))", re.IGNORECASE | re.ASCII)
_UTF_8 = ("", "charset=utf-8", 'charset="utf-8"')


# The types of manifests and lists are the same few again and again.
_MAX_KNOWN_LENGTH = 100


def handed_on(media_type: str) -> str:
    """The media type under which an answer is handed on: as it came where it is JSON, else `UNKNOWN`.

    Parameters other than `charset=utf-8` are left out. Of several types in one value browsers take the last (Fetch
    standard, "extract a MIME type"), so such a value is none.
    """
    return (_known if len(media_type) <= _MAX_KNOWN_LENGTH else _handed_on)(media_type)


def _handed_on(media_type: str) -> str:
    essence, _, parameters = media_type.partition(";")
    essence = essence.strip(" \t")
    if "," in parameters or not _ALLOWED.fullmatch(essence):
        return UNKNOWN
    return media_type if parameters.strip(" \t").lower() in _UTF_8 else essence


_known = lru_cache(maxsize=256)(_handed_on)
