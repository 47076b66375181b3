"""What one needs when something happens in a life."""
