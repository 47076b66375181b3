"""Actions of `pencere ca` and `pencere log` for machines that enrol and people who watch."""
