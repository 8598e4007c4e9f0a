"""How registries ask for credentials, and how tokens are fetched from them."""
