"""How a database that is away, ends or restarts shows itself to asyncpg."""

import asyncpg

# InternalClientError: a query that meets the farewell of a server.
GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
