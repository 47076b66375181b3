"""The state register as everybody may see it."""
