"""Answers registry clients."""
