"""The verbs of who leaves: remove a tenant or a person, export what is theirs, hand a hostname over."""
