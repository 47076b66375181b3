"""Azerbaijan."""
