"""Register engine: versioned records, disclosure by purpose, read log."""
