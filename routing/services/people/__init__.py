"""The verbs of tenants, members, invitations and API tokens."""
