"""Finding out what a registry, or one repository, asks for and how it serves layers."""
