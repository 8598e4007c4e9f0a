"""Django system checks: of settings, and of a deployment."""
