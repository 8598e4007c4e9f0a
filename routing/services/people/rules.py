"""The rules of tenants, members, invitations and API tokens."""

from routing.models import ApiToken, Invitation, Membership
from routing.services.base.rules import fixed

fixed(Membership, "tenant", "user")
fixed(Invitation, "tenant", "email", "role", "inviter")
fixed(ApiToken, "user", "tenant", "read_only", "expires_at")
