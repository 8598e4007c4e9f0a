"""Asks the DNS what tenants wrote there."""
