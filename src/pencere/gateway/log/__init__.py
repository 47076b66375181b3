"""The durable log: nobody is answered before the answer is in it."""
