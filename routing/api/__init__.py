"""The HTTP API, a door to the verbs: `/api/v1/` on control hosts.

It has no rule of its own: what is allowed, valid or there, the verbs and the permission module say.
"""
