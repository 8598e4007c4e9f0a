"""What a facade takes along when it moves: keys that change, backups, and what waits after a restore."""
