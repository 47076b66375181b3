"""The unit's work in figures, for its head and its officers."""
