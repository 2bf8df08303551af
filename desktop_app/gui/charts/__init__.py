"""Charts over bar indices; the only folder that names the plotting library."""
