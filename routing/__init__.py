"""The facade itself: tables, verbs, the admin over them, and the data plane that answers registry clients."""
