"""What a person typed becomes the value of an answer, by the type of the question."""
