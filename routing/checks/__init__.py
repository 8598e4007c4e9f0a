"""Django system checks: of a deployment."""
