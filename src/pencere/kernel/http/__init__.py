"""HTTP/1.1 over asyncio: what every process that answers callers by itself is built on."""
