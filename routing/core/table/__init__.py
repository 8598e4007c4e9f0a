"""The immutable routing table, and the entries that it holds."""
