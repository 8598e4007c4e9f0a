"""Look up TXT records.

Sources: RFC 1035 §3.3.14 (TXT), RFC 1464 and RFC 7208 §3.3 (the strings of one record are read as one).
"""

from collections.abc import Sequence
from typing import Any

from routing.dns.name_servers import NameServer
from routing.dns.questions import Answer, ask


def look_up_txt(name: str, servers: Sequence[NameServer], seconds: float) -> Answer:
    """The TXT records of a name, in A-label form, asked of `servers` (none: the system's), in `seconds` at most.

    Never raises for what the DNS says or doesn't.
    """
    return ask(name, "TXT", servers, seconds, value_of=_joined)


def _joined(record: Any) -> str:
    return b"".join(record.strings).decode("utf-8", "replace")
