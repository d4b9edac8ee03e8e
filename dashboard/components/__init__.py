"""Cards, tables and other parts of pages."""
