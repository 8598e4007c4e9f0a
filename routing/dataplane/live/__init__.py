"""The table that this process answers from, and its snapshot file."""
