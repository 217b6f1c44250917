"""What rows of the registry show: statistics of few seeds, comparisons of two commits, claims of the sources."""
