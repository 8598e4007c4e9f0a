"""The routing table between the database and the data plane: loading it, and its snapshot."""
