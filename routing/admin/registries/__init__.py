"""The admin pages of backing registries."""
