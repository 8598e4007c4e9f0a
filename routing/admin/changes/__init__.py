"""The pages of change sets."""
