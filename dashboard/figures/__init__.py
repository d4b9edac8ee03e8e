"""Pure functions from data to figure."""
