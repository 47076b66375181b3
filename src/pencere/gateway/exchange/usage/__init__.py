"""Who looked at a person's data, for that person alone; and what is kept from them, by law."""
