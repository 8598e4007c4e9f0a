"""The edge: keeps an engine's files as the facade's API tells them, on a machine without a database.

It knows neither Django nor the rest of the app, and starts without them.
"""
