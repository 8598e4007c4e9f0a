"""The doctor: finds out from outside in what a registry client meets at a hostname, and what to do where it fails."""
