"""The database as such: what its errors mean, whether it can be used, and how connections to it are made."""
