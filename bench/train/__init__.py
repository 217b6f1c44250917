"""Training: one pack -> the results of its runs. It knows the parts, and neither executors nor the registry."""
