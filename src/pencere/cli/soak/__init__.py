"""`pencere gateway soak`: nodes, database and time-stamps under load, killed at random."""
