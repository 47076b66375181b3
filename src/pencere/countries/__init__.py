"""The country is data: registers, services, law, calendars, texts."""
