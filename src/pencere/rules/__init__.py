"""Law as code: dated parameters with act and article, and the trace of a computed figure."""
