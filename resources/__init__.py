"""Data that travel with the program: sample, universe, icons."""
