"""HTTP/1.1 on httptools callbacks: no task a message, and the TLS peer is known by name."""
