"""What we think, how sure we are, and what it suggests: facts in, findings out."""
