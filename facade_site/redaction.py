"""No secret in a log or a report: one rule, applied to whatever is written, wherever it came from.

Links that let somebody in have their secret in the path, so every line that names a path could hold one: Django's, the
server's access log, a Referer, an exception's text, a report of an error.
"""

import logging
import re
from typing import Any

from django.utils.safestring import SafeString
from django.views import debug

HIDDEN = "[hidden]"
_SLASH = r"(?:/|%2[Ff])+"
#: What stands before a secret, and the secret. `tests/test_redaction.py` holds the paths against the URL patterns.
_SECRETS = re.compile(
    "|".join(
        [
            # Links of invitations, password resets and confirmations of addresses.
            rf"(?P<path>accounts{_SLASH}(?:invitation|confirm-email|password{_SLASH}reset{_SLASH}key){_SLASH})"
            r"[^/%\s?#&;\"'<>\\]+(?:%(?!2[Ff])[^/%\s?#&;\"'<>\\]*)*",
            # Links to reports that are shared. The API's own addresses below that word have no secret as long.
            rf"(?P<report>self-tests{_SLASH}[^/%\s]+{_SLASH})(?:[^/%\s?#&;\"'<>\\]|%(?!2[Ff])){{20,}}",
            # Parameters of addresses, also those by which an identity provider sends people back.
            r"(?P<query>[?&;'\"](?:code|state|token|key|secret|password|id_token|access_token|refresh_token)=)"
            r"[^&\s#;\"'<>\\]+",
            # A header's line, and as a pair of texts or bytes, also with the quotes that JSON escapes.
            r"(?P<header>authorization\\?['\"]?[:=,] ?b?\\?['\"]?(?:bearer|basic) )[^\s\"'<>\\]+",
            # API tokens, wherever they stand.
            r"(?P<token>facade_)[A-Za-z0-9_-]{43,}",
        ]
    ),
    re.IGNORECASE,
)
# Each secret has one of these before it or in it. Looking for them takes a tenth of the time of the expression.
_MARKS = (
    "accounts",
    "self-tests",
    "code=",
    "state=",
    "token=",
    "key=",
    "secret=",
    "password=",
    "authorization",
    "facade_",
)


def redact(text: str) -> str:
    """The text with each secret replaced by `[hidden]`."""
    folded = text.casefold()
    if not any(mark in folded for mark in _MARKS):
        return text
    return _SECRETS.sub(lambda found: f"{found[found.lastgroup or 0]}{HIDDEN}", text)


class RedactedRecord(logging.LogRecord):
    """A record whose message has no secret, whichever handler writes it."""

    def getMessage(self) -> str:
        """The message, with its arguments."""
        return redact(super().getMessage())


def redact_log_records() -> None:
    """Make every record from now on a redacted one."""
    logging.setLogRecordFactory(RedactedRecord)


class RedactingFormatter(logging.Formatter):
    """Writes as another formatter does, tracebacks and all, without secrets."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return redact(self._inner.format(record))


class ReporterFilter(debug.SafeExceptionReporterFilter):
    """Hides what is called a token, a key, a secret or a code, also among the variables of a report's frames."""

    hidden_settings = re.compile(f"{debug.SafeExceptionReporterFilter.hidden_settings.pattern}|^CODE$|^STATE$", re.I)

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        """Names and values."""
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self.cleanse_setting(name, value)) for name, value in found]


class ExceptionReporter(debug.ExceptionReporter):
    """Django's reports of errors: pages in debug mode, and mails."""

    def get_traceback_data(self) -> dict[str, Any]:
        """What a report is made of."""
        told = super().get_traceback_data()
        if "request_GET_items" in told:
            told["request_GET_items"] = [
                (name, self.filter.cleanse_setting(name, value)) for name, value in told["request_GET_items"]
            ]
        return told

    def get_traceback_html(self) -> SafeString:
        """The report as a page."""
        # As safe as before: what stands for a secret needs no escaping.
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        """The report as text."""
        return SafeString(redact(super().get_traceback_text()))
