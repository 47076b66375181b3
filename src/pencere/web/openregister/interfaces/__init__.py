"""How others use the open register: the public API and its files."""
