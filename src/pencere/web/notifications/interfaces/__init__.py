"""Where others reach us."""
