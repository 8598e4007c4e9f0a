"""What edges pull: the routing table as an engine's files."""

from collections.abc import Iterator
from typing import Annotated, TextIO

from django.conf import settings
from django.http import HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase
from ninja import Query, Router, Schema
from pydantic import Field

from routing.accounts.downloads import download
from routing.api.auth import actor_of
from routing.api.errors import PROBLEMS
from routing.api.etags import IF_NONE_MATCH
from routing.api.schemas import QueryParams, Text
from routing.publish.documents import Surroundings
from routing.services.base.errors import Unavailable
from routing.services.routes.published import get_published_routes

router = Router(tags=["routes"])
_PIECE = 16384


class RoutesQuery(QueryParams):
    """Where the engine listens, and what is around it, as for `facade export-routes`."""

    app: Annotated[Text, Field(description="The app's host and port.", examples=["app.example:8000"])]
    listen: Annotated[Text, Field(examples=[":443"])] = ":80"
    scheme: Annotated[Text, Field(examples=["https"])] = "http"
    certificate: Annotated[Text, Field(examples=["/etc/envoy/tls.pem"])] = ""
    key: Annotated[Text, Field(examples=["/etc/envoy/key.pem"])] = ""
    folder: Annotated[Text, Field(description="Where the engine finds the files.", examples=["/etc/envoy"])]


class RoutesFileOut(Schema):
    """One file of the engine."""

    name: str = Field(examples=["envoy-routes.json"])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015"])
    text: str = Field(examples=["{}"])


class RoutesOut(Schema):
    """The files, in the order in which they are put in place. `sha256` is of the set."""

    format: int = Field(examples=[1])
    engine: str = Field(examples=["envoy"])
    generation: int = Field(examples=[17])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015"])
    files: list[RoutesFileOut]


@router.get("/envoy", response={200: RoutesOut, 304: None, **PROBLEMS}, operation_id="get_routes")
def get_routes(
    request: HttpRequest, params: Query[RoutesQuery], if_none_match: str = IF_NONE_MATCH
) -> HttpResponseBase:
    """Tell the routing table as the files of an Envoy, as `facade edge` keeps them. For operators of the platform.

    In doubt it answers an error, never a part.
    """
    keep = settings.FACADE_REDIRECT_MAX_AGE_SECONDS
    around = Surroundings(params.listen, params.app, params.scheme, params.certificate, params.key, keep, params.folder)
    found = get_published_routes(actor_of(request), around, if_none_match)
    response: HttpResponseBase
    if found.etag == if_none_match:
        response = HttpResponseNotModified()
    else:
        try:
            response = download(request, _pieces(found.path.open()), "envoy-routes.json")
        except FileNotFoundError:
            raise Unavailable("the routes are being compiled anew", 1) from None
    response["ETag"] = found.etag
    return response


def _pieces(file: TextIO) -> Iterator[str]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
