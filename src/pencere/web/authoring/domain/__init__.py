"""What authors do with definitions."""
