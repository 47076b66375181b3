"""What `pencere bench` measures, a module each."""
