"""Lists made for hundreds of rows: chosen columns, saved filters, and what is shown as a file."""
