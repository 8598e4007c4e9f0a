"""What control hosts answer while the database can't be used: a page, or a problem of the API's, with 503."""
