"""An HTTP/1.1 client for asking registries that nobody here trusts. Theory of operation.

**The parts.** A request passes through five objects, each of which knows one thing:

- `request.py` writes a request into bytes, and refuses what would end a header line early.
- `pool.py` finds a connection: an idle one to the same origin, or a new one while the bounds allow it, or a place in a
  queue. It alone counts connections.
- `../guard.py` makes a new connection: it looks the name up, judges each address, and dials the very address that it
  judged. The pool has no other way out.
- `connection.py` is one connection: an `asyncio.Protocol` with at most one request under way. It holds the deadline.
- `reader.py` turns bytes into one answer. It does no input or output, so that tests can feed it at every split.

`../client.py` puts them together and speaks to the rest of the facade, in `RegistryError` and nothing else.

**One exchange.** The connection writes the request in one go and waits on a future. Whatever arrives is fed to the
reader at once; the future is resolved when the head is there, when a part of the body is there, when the answer is
complete, or when something failed. The usual answer, a manifest of some kilobytes, comes in one read: head, body and
end are known when the waiting task runs again, and nothing in it waits a second time.

A reader serves one answer. When it is complete and the registry keeps the connection open, the connection goes back to
the pool without a reader. Bytes that come then, or right behind an answer, were asked for by nobody, and the connection
is closed. (Bytes that come after the next request was sent are its answer: what a registry says to its own callers is
its own affair. No two origins share a connection.)

**Where an answer ends** (RFC 9112 §6.3). An answer to HEAD, a 204 and a 304 end with the head, whatever length they
state. Else the body is chunked, or has a length, or lasts until the connection closes; then the connection serves no
other request. What two parsers could read in two ways is refused, not mended: a length beside chunks, two lengths, any
transfer coding but `chunked`, a folded header line, a line without CR, HTTP versions other than 1.0 and 1.1. 101 is
refused too, since nobody here asks for another protocol.

**Bounds.** The other side chooses every byte, so each thing that it can make grow has a bound in `reader.Bounds`: the
bytes of all heads of an answer together, header fields, interim (1xx) answers, bytes that are no body (chunk sizes and
their extensions, trailers), and events. An event is a read or a piece of the body. Each costs Python some microseconds,
so their number is bounded by the bytes that they bring: a registry that sends one-byte chunks is refused after some
milliseconds of CPU, however fast its line is. The body's length is bounded by the caller (`OpenRegistryResponse.read`).

**Back-pressure.** A reader holds at most some 256 KiB that nobody has taken, plus one read. Above that the connection
stops reading, and TCP stops the registry. Since a paused connection ends its turn of the event loop, other callers
get theirs.

**Deadlines.** A timer of the event loop aborts the connection; there is no task and no cancel scope for each request.
One timer covers an answer as a whole. A streamed body has a timer for each part that is waited for. Cancelling the
waiting task closes the connection, unless its answer was complete.

**Sent twice.** A registry may close an idle connection in the instant in which it is used again. A GET or HEAD that
failed so, on a connection that had served before and before the first byte of an answer, is sent once more on a new
connection, within the same deadline (RFC 9110 §9.2.2). Nothing else is ever repeated.

**TLS.** Certificates are verified against the name, not the address. Sessions are resumed (`tls.py`), since a handshake
costs more CPU than everything else here.

**Event loops.** A pool belongs to one event loop: a worker's own, or the one that serves a single request under WSGI or
in a command. Then `aclose` ends everything before the loop does.
"""
