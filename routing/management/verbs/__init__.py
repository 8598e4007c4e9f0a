"""What the command line does, one module a noun; `facade` and the commands of `manage.py` run these."""
