"""Asks, from outside, whether it is this facade that answers somewhere."""
