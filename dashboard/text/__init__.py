"""Numbers, times and units as text."""
