"""Facts as of a session, turned into arrays."""
