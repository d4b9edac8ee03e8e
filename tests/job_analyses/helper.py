"""A module beside the analyses that is none."""
