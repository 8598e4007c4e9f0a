"""The verbs of backing registries, and their probes."""
