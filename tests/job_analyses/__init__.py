"""Analyses that cost nothing, for the tests of jobs."""
