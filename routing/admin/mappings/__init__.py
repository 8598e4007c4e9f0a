"""The admin pages of mappings."""
