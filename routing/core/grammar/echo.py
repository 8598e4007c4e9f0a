"""Grammar of the echo: a path that only this facade's own doctor can ask, and only this facade can answer (R18).

The doctor makes a nonce and signs it with the server's key. Who answers, and signs what it saw of the request, holds
the same key: so the name that was asked leads to this facade, and nobody keeps a state for that.
"""

import re
from typing import NamedTuple

ECHO_PATH = "/.well-known/registry-facade/"
#: The longest header field that an answer can be asked to have, in bytes.
MAX_PADDING_BYTES = 8192
#: For so many seconds before and after it was made a question is answered, so that the clocks may differ a little.
ECHO_SECONDS = 60

_TOKEN = re.compile(
    r"(?P<at>[0-9]{1,12})\.(?P<padding>[0-9]{1,4})\.(?P<nonce>[0-9a-f]{32})\.(?P<signature>[A-Za-z0-9_-]{43})"
)


class EchoQuestion(NamedTuple):
    """`at`: when it was made, in seconds since the epoch. `padding_bytes`: of a header field that the answer has."""

    at: int
    padding_bytes: int
    nonce: str
    signature: str = ""

    @property
    def signed_text(self) -> str:
        """What the signature is of."""
        return f"{self.at}.{self.padding_bytes}.{self.nonce}"

    @property
    def path(self) -> str:
        """Where to ask."""
        return f"{ECHO_PATH}{self.signed_text}.{self.signature}"


def parse_echo_path(path: str) -> EchoQuestion | None:
    """The question that a path asks; None for one that is none."""
    match = _TOKEN.fullmatch(path.removeprefix(ECHO_PATH))
    if match is None or not path.startswith(ECHO_PATH) or int(match["padding"]) > MAX_PADDING_BYTES:
        return None
    return EchoQuestion(int(match["at"]), int(match["padding"]), match["nonce"], match["signature"])
