"""The routing table, written down for engines that answer beside the app: nginx, Caddy, HAProxy, Envoy.

`rules` turns the table into what an engine can decide by itself; the module of an engine writes it in that engine's
own language. What an engine doesn't decide by itself it hands to the app, which answers as always.
"""
