"""What every admin page uses."""
