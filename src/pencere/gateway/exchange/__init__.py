"""The two roles of a node: it asks for its own systems, and answers for its own services."""
