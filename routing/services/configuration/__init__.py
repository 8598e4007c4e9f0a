"""The whole configuration as a document that people keep in a repository: read, written, compared, applied."""
