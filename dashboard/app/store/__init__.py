"""What is kept: ledger, recommendations, jobs, files."""
