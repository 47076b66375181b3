"""The catalogue as pages use it, and what is searched for, found and missed. A data app."""
