"""The admin pages of tenants, members and invitations."""
