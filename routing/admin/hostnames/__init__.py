"""The admin pages of hostnames and claims."""
