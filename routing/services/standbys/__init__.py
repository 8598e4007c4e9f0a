"""Standbys: where mappings lead while their registry does not answer: docs/decisions/0108."""
