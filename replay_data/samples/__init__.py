"""Small files in the formats that facilities write, for tests; README.md gives the source of each format."""
