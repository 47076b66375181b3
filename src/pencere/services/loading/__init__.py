"""Parts of a definition, from the nodes of its file."""
