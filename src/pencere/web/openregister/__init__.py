"""The open side of the state register: what everybody may read, find, count and take away."""
