"""The `pencere` command, the only place where planes are put together."""
