"""What edges pull: the routing table as an engine's files."""
