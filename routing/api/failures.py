"""Wrong API tokens: how many an address may come with, and what it meets after that.

The count is kept with the database's cache, so that all workers count together. Once an address is over the limit, this
process remembers that: what else comes from there is refused without asking the database anything, as long as the limit
lasts. A token of the form that this facade gives out, which nobody can make up, is looked up all the same, once.
"""

import time
from collections import OrderedDict

from django.core.cache import cache

from routing.services.people.api_tokens import is_of_our_making, token_digest

# So many wrong tokens from one address in so many seconds.
FAILURES, FAILURE_SECONDS = 30, 60
_MAX_ADDRESSES = 10_000
_MAX_REFUSED_TOKENS = 1_000


class _Blocks:
    """Addresses that are over the limit, and the tokens of our making that were refused from there meanwhile."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[str, tuple[float, set[str]]] = OrderedDict()

    def add(self, address: str) -> None:
        self._blocks[address] = (time.monotonic() + FAILURE_SECONDS, set())
        while len(self._blocks) > _MAX_ADDRESSES:
            self._blocks.popitem(last=False)

    def refused_at(self, address: str) -> set[str] | None:
        """The tokens that were refused; None where the address is not blocked."""
        block = self._blocks.get(address)
        if block is None:
            return None
        if block[0] <= time.monotonic():
            self._blocks.pop(address, None)
            return None
        return block[1]

    def end(self, address: str) -> None:
        self._blocks.pop(address, None)


_blocks = _Blocks()


def is_held_up(address: str, secret: str) -> bool:
    """Whether an address is over the limit, and comes with nothing that is worth a look-up."""
    refused = _blocks.refused_at(address)
    if refused is None:
        return False
    return not is_of_our_making(secret) or token_digest(secret) in refused or len(refused) >= _MAX_REFUSED_TOKENS


def count_failure(address: str, secret: str) -> bool:
    """Count a token that was looked up and is none. True: the address is over the limit now."""
    refused = _blocks.refused_at(address)
    if refused is not None:
        refused.add(token_digest(secret))
        return True
    key = f"api-token-failures:{address}"
    if cache.add(key, 1, FAILURE_SECONDS):
        return False
    try:
        over = cache.incr(key) > FAILURES
    except ValueError:
        return False  # Its time was over between the two.
    if over:
        _blocks.add(address)
    return over


def count_success(address: str) -> None:
    """Somebody there has a right token: they can ask the database as much as they like anyway."""
    _blocks.end(address)
