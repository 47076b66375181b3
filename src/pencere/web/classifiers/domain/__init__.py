"""Code lists: what the country's data says, what holds on a day, what a version changed."""
