"""Verbs that verify a switch before it is made, and the report that they leave."""
