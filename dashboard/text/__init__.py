"""Numbers, wording and messages."""
