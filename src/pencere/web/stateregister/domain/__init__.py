"""What the state register does."""
