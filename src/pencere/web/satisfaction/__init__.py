"""How satisfied people were with a service: one answer a case, kept apart from who gave it."""
