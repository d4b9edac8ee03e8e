"""Sources of recommendations and machine states."""
