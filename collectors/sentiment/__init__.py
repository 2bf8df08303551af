"""Text to sentiment: FinBERT where it is installed, a compact scorer until then."""
