"""Public manifests on this machine's disk: their bytes, and who was seen to give them to everybody."""
