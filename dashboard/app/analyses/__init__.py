"""Typed requests and answers of each analysis."""
