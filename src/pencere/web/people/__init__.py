"""Who has an account here: persons, their visits and the offices they hold. A data app."""
