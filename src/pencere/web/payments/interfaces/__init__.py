"""Where a provider reaches us."""
