"""The demonstration: ready persons and an invented population around them."""
