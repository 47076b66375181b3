"""Law as code: dated parameters, pure rule functions, a trace that can be replayed."""
