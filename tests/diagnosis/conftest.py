"""A server on loopback, as the tests of what asks registries have."""

from tests.registries.conftest import server, start_server

__all__ = ["server", "start_server"]
