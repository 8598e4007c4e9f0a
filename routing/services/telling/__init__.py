"""Telling people what happened: subscriptions, and the deliveries that come of events."""
