"""The laboratory: real registries, real clients and the servers between them, each on its own loopback address.

Addresses differ by component because Go's HTTP client compares host names *without* the port when it decides whether a
redirect may keep ``Authorization``: two servers on 127.0.0.1 would hide exactly the failures that the suite looks for.
"""
