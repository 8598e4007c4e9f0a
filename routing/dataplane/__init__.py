"""Answers registry clients. Imports core and registries; reads models only where it loads the table (`live`)."""
