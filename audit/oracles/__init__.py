"""Independent computations that comparisons hold an implementation against."""
