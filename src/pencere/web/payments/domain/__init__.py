"""What may happen to a charge."""
