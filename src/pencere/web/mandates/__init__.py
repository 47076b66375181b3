"""Powers to act for another: read from registers, remembered by a session, kept in no table."""
