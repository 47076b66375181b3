"""What is outside the state's software, as separate processes: a phone, a bank."""
