"""The queue: cases of the officer's body, the most urgent first."""
