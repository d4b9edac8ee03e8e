"""Where a machine's state is read from."""
