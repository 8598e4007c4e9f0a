"""What is pulled, in numbers: counted in memory, written in batches, with nobody's address, name or token."""
