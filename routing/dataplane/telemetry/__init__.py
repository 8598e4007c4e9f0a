"""Counters, metrics and health."""
