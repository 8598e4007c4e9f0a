"""What is known of a request, and how an answer is written."""
