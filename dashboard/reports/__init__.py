"""Self-contained HTML documents."""
