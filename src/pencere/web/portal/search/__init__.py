"""Finding a service by words."""
