"""Stored data: ledger, jobs and files."""
