"""Pages of control hosts: health, and metrics for Prometheus."""
