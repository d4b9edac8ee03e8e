"""What a person sees: the command line and the web page, two faces of the same calls."""
