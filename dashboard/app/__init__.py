"""The application behind the command line, the pages and the API; it imports no dash, no argparse and no HTTP."""
