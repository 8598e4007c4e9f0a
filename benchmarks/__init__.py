"""make bench: the facade beside nginx and Caddy, on the same machine, in one interleaved run."""
