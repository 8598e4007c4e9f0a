"""Compares what two registries have under a name: pure comparison, and the questions to both, asked as nobody.

Nothing here knows the database. A comparison is cut into references, such as tags. Each is compared by itself, so that
it may be stopped after any of them and go on from there, in this process or another.
"""
