"""The facade itself: tables, verbs, the admin over them, and the data plane that answers registry clients."""

#: The product's version (https://peps.python.org/pep-0440/). pyproject.toml says the same.
__version__ = "0.1.0"
