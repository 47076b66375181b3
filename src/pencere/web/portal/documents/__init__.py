"""The person's documents: the list, one, its file."""
