"""The verbs of mappings, and what explains them."""
