"""Programs' faces of the application."""
