"""Published tables run again, beside zero, random and always-up."""
