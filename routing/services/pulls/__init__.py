"""What is pulled: numbers that workers have counted, read for people and programs, and thrown away in time."""
