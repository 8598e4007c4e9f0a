"""The pure core: grammar of hosts and names, the immutable table, and `decide()`. No Django, no I/O."""
