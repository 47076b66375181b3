"""What an event may say, and the schema by which it is checked."""
