"""Searches: ask for settings, tell how good they were; all registered in ``search.SEARCHES``."""
