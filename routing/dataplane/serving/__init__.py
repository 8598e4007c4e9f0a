"""How requests come in: the worker's fast lane, the ASGI application, the middleware, and their limits."""
