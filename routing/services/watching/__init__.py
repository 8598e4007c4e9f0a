"""What goes on being compared after a switch, and what is found."""
