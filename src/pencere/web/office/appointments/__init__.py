"""Who is expected at a place, who came, and times that are closed."""
