"""The verbs of change sets: changes of mappings that are drafted, reviewed, applied and undone as one."""
