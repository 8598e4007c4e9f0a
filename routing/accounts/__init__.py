"""Sign-in, second factors, invitations and API tokens: pages of control hosts beside the admin."""
