"""The admin pages of tenants, members, invitations and subscriptions."""
