"""Asks the DNS what tenants wrote there. Imports nothing of ours; nothing else here speaks DNS."""
