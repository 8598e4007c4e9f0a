"""Answers the edge, from memory, whether it may get a certificate for a name."""
