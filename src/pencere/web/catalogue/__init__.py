"""What is counted about services: how often they are opened and what was searched in vain. A data app."""
