"""The pages on control hosts: sign-in, invitations, the abuse page, and what every page there has in common.

Imports services, dataplane (how the client sees this server) and django-allauth. The admin may import it; it imports
neither the admin nor the API.
"""
