"""Small files in the shapes that facilities write, for tests; README.md says where each shape comes from."""
