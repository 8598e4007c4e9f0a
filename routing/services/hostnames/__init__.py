"""The verbs of hostnames: claims, proofs, vouching."""
