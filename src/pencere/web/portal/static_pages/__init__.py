"""Help, accessibility, personal data, about."""
