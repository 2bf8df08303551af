"""What a person decides and sees: choices, window, command line."""
