"""The verbs: everything that changes a routing table, for the admin, the API and the commands alike.

Every verb takes an `Actor` and a reason, validates, saves, records who did what and why, and publishes the change to
the workers, in one transaction. Raises `ServiceError` with a message for a person.
"""
