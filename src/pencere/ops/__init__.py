"""Running it: embedded PostgreSQL, migrations, process supervisor, health."""
