"""The signed directory: who exists, where, and who may ask whom for what."""
