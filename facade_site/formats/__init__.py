"""How dates are written, on every page and in every mail. Django looks here by language."""
