"""What the world said, and since when it could be known: sources in, facts out."""
