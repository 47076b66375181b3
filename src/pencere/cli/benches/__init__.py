"""What `pencere bench` measures of the certification centre, beside its limit in the same run."""
