"""What people say, and what it amounts to."""
