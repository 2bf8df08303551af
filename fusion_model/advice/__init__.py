"""What forecasts suggest: what is unusual today."""
