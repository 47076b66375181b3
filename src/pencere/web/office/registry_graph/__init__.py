"""Who asks whom for what, with the counts that only officers read."""
