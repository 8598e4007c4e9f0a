"""From bytes to one answer, with a bound on everything that the other side chooses. No input or output happens here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

_OPENING = b"HTTP/1."
_BODILESS = (204, 304)


class FramingError(Exception):
    """The bytes are no answer that this client takes. The message finishes a sentence about the registry."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one answer may cost.

    `head_bytes` covers the final head and all interim ones. `framing_bytes` may come beside the body and the head, and
    as many again as the body has. `events` (reads and pieces of the body) are free; after that each has to bring
    `bytes_per_event` of the body on average.
    """

    head_bytes: int = 64 * 1024
    fields: int = 128
    interim: int = 8
    framing_bytes: int = 64 * 1024
    events: int = 4096
    bytes_per_event: int = 32


DEFAULT_BOUNDS = Bounds()
_NOT_HTTP = "did not answer in HTTP"
_CUT_SHORT = "cut its answer short"
_TOO_LONG_HEAD = "sent more header fields than this facade takes"
_TOO_MANY_INTERIM = "sent interim answers (1xx) without end"
_TOO_SMALL_PIECES = "sent its answer in pieces that are too small"
_TOO_MUCH_FRAMING = "sent too much around the body of its answer"


class ResponseReader:
    """One answer to one request. Feed it what arrives; `status` is 0 until the head is there.

    `parts` holds what came of the body and was not taken, `queued` its length in bytes. `keep_alive` says, once the
    answer is `complete`, whether the connection may serve another request.
    """

    __slots__ = (
        "_body_bytes",
        "_bounds",
        "_chunked",
        "_events",
        "_field_count",
        "_head_bytes",
        "_interim",
        "_no_body",
        "_opening",
        "_parser",
        "_problem",
        "_silent_bytes",
        "_wire_bytes",
        "complete",
        "content_length",
        "fields",
        "keep_alive",
        "parts",
        "queued",
        "status",
    )

    def __init__(self, method: str, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []
        self.content_length: int | None = None
        self.parts: list[bytes] = []
        self.queued = 0
        self.complete = False
        self.keep_alive = False
        self._bounds = bounds
        self._no_body = method == "HEAD"
        self._chunked = False
        self._opening = b""
        self._interim = self._field_count = self._events = 0
        self._head_bytes = self._wire_bytes = self._body_bytes = self._silent_bytes = 0
        self._problem = _NOT_HTTP
        # The parser holds this object's methods. `let_go` breaks the circle, so that no collector has to.
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    @property
    def has_body(self) -> bool:
        """Whether a body belongs to the answer, once its head is there."""
        return not self._no_body

    @property
    def untouched(self) -> bool:
        """Whether not a single byte has come."""
        return not self._wire_bytes

    def feed(self, data: bytes) -> None:
        """Read what arrived. Raises `FramingError`; then the connection is of no use any more."""
        if self.complete or self._parser is None:
            self.keep_alive = False
            return
        self._wire_bytes += len(data)
        self._events += 1
        if self._events > self._bounds.events:
            self._check_events()
        if len(self._opening) < len(_OPENING):
            self._check_opening(data)
        while not self.status:
            room = self._bounds.head_bytes - self._head_bytes
            if len(data) <= room:
                self._head_bytes += len(data)
                self._parse(data)
                self._after_head_piece(data)
                return
            self._head_bytes = self._bounds.head_bytes
            self._parse(data[:room])
            if not self.status:
                self._refuse(_TOO_LONG_HEAD)
            data = data[room:]
            if self.complete:
                self.keep_alive = False
                return
        self._parse(data)
        if self._silent_bytes or not self.complete:
            self._check_framing(len(data))

    def end(self) -> None:
        """Nothing more will come. Raises `FramingError` where the answer is not whole."""
        if self.complete:
            return
        if self.status and not self._chunked and self.content_length is None:
            self.complete = True
            self.let_go()
            return
        self._refuse(_CUT_SHORT if self.status else _NOT_HTTP)

    def let_go(self) -> None:
        """Read no more, wherever the answer is."""
        self._parser = None

    def take(self) -> bytes:
        """The body as far as it has come, taken from here."""
        parts = self.parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self.parts, self.queued = [], 0
        return data

    def on_message_begin(self) -> None:
        """Called by the parser. After a whole answer: another one that nobody asked for."""
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each field of a head, and of the trailer."""
        self._field_count += 1
        if self._field_count > self._bounds.fields:
            self._refuse(_TOO_LONG_HEAD)
        if self.status:
            return
        value = value.strip(b" \t")
        self.fields.append((name, value))
        # The lengths of the two names that say where a body ends.
        if len(name) == 17 and name.lower() == b"transfer-encoding":
            if self._chunked or value.lower() != b"chunked":
                self._refuse(_NOT_HTTP)
            self._chunked = True
        elif len(name) == 14 and name.lower() == b"content-length":
            self.content_length = int(value)

    def on_headers_complete(self) -> None:
        """Called by the parser at the end of each head, interim ones too."""
        if self.complete:
            # A second answer in the same read. Nobody asked for it.
            self.keep_alive = False
            return
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        if status < 200:
            self._begin_again(status)
            return
        if self._interim and parser.get_http_version() not in ("1.1", "1.0"):
            self._refuse(_NOT_HTTP)
        self.status = status
        self._problem = _CUT_SHORT
        if self._no_body or status in _BODILESS:
            self._no_body = self.complete = True
            self.keep_alive = parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Called by the parser for each piece of the body."""
        if self.complete:
            self.keep_alive = False
            return
        self._body_bytes += len(data)
        self._silent_bytes = -1
        self._events += 1
        if self._events > self._bounds.events:
            self._check_events()
        self.parts.append(data)
        self.queued += len(data)

    def on_message_complete(self) -> None:
        """Called by the parser at the end of each message, interim ones too."""
        if self.status and not self.complete:
            assert self._parser is not None
            self.complete = True
            self.keep_alive = self._parser.should_keep_alive()

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        assert parser is not None
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self.complete:
                self.let_go()
                # `from None`: the parser's errors may quote what was received.
                raise FramingError(self._problem) from None
            self.keep_alive = False
        if self.complete:
            self.let_go()

    def _after_head_piece(self, data: bytes) -> None:
        # What stands behind a head without a body may be too short for the parser to speak of it.
        if self.complete and self._no_body and not data.endswith(b"\r\n\r\n"):
            self.keep_alive = False

    def _begin_again(self, status: int) -> None:
        """An interim answer (RFC 9110 §15.2): forget it, the final one follows."""
        if status < 100 or status == 101:
            self._refuse(_NOT_HTTP)
        self._interim += 1
        if self._interim > self._bounds.interim:
            self._refuse(_TOO_MANY_INTERIM)
        self.fields = []
        self.content_length, self._chunked = None, False

    def _check_opening(self, data: bytes) -> None:
        # The parser also knows other protocols whose answers look alike (RTSP, ICE).
        self._opening += data[: len(_OPENING) - len(self._opening)]
        if not _OPENING.startswith(self._opening):
            self._refuse(_NOT_HTTP)

    def _check_events(self) -> None:
        if self._events > self._bounds.events + self._body_bytes // self._bounds.bytes_per_event:
            self._refuse(_TOO_SMALL_PIECES if self.status else _TOO_LONG_HEAD)

    def _check_framing(self, length: int) -> None:
        # The parser joins the pieces of one trailer anew for each read, so a trailer must not grow for long.
        self._silent_bytes = 0 if self._silent_bytes < 0 else self._silent_bytes + length
        spare = self._wire_bytes - self._head_bytes - 2 * self._body_bytes
        if max(self._silent_bytes, spare) > self._bounds.framing_bytes:
            self._refuse(_TOO_MUCH_FRAMING)

    def _refuse(self, problem: str) -> NoReturn:
        # Kept, since the parser loses what its callbacks raise.
        self._problem = problem
        self.let_go()
        raise FramingError(problem)
