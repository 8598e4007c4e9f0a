"""The backing registry of the data plane's tests, for a tenant that means no good."""

from tests.dataplane.conftest import server, trusting

__all__ = ["server", "trusting"]
