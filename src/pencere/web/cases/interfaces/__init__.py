"""Where the outside meets cases."""
