"""What `pencere doctor` looks at.

Each module has a function that yields checks. What does not answer is a failed check, not an error.
"""
