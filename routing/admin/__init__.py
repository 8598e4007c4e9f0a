"""The admin: pages for operators. Reads models; what it writes goes through the verbs in `routing.services`."""
