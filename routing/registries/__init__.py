"""Talks to backing registries: the only place in the project from which requests go out."""
