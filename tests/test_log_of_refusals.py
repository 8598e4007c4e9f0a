"""A request that was refused is one line of the log; a fault of the program keeps its traceback."""

from __future__ import annotations

import logging
import logging.config
import warnings
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory

from facade_site.log_formats import RefusalFilter
from routing.accounts.static_files import StaticFilesMiddleware


def record(status: int | None) -> logging.LogRecord:
    try:
        raise PermissionDenied
    except PermissionDenied as error:
        facts: dict[str, Any] = {} if status is None else {"status_code": status}
        made = {"msg": "Forbidden: /admin/", "exc_info": (type(error), error, error.__traceback__), **facts}
        return logging.makeLogRecord(made)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 429])
def test_a_refusal_has_no_traceback(status: int) -> None:
    refused = record(status)

    assert RefusalFilter().filter(refused)
    assert refused.exc_info is None


@pytest.mark.parametrize("status", [500, 503, None])
def test_a_fault_keeps_its_own(status: int | None) -> None:
    fault = record(status)

    assert RefusalFilter().filter(fault)
    assert fault.exc_info


def test_the_log_of_the_server_is_written_that_way(capsys: pytest.CaptureFixture[str]) -> None:
    configured = logging.config.DictConfigurator(settings.LOGGING)
    for name in ("filters", "formatters"):
        made = {
            key: getattr(configured, f"configure_{name[:-1]}")(value) for key, value in settings.LOGGING[name].items()
        }
        configured.config[name] = made
    handler = configured.configure_handler(dict(settings.LOGGING["handlers"]["console"]))

    handler.handle(record(403))
    handler.handle(record(500))

    lines = capsys.readouterr().err.splitlines()
    assert "Forbidden" in lines[0]
    assert "Forbidden" in lines[1]
    assert lines[2].startswith("Traceback")


@pytest.mark.parametrize(
    ("method", "headers", "status", "length"),
    [("get", {}, 200, 40), ("head", {}, 200, 0), ("get", {"range": "bytes=3-12"}, 206, 10), ("post", {}, 405, 0)],
)
def test_a_static_file_is_given_whole(
    tmp_path: Any, method: str, headers: dict[str, str], status: int, length: int
) -> None:
    (tmp_path / "admin.css").write_bytes(b"x" * 40)
    middleware = StaticFilesMiddleware(lambda request: HttpResponse(status=404))
    middleware.add_files(str(tmp_path), prefix="/here/")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = middleware(getattr(RequestFactory(), method)("/here/admin.css", headers=headers))

    assert not answer.streaming
    assert (answer.status_code, len(answer.content)) == (status, length)
    if status == 200:
        assert answer["Content-Length"] == "40"
        assert answer["Content-Type"].startswith("text/css")
