"""Asking backing registries on a caller's behalf: relays, blob locations, tokens."""
