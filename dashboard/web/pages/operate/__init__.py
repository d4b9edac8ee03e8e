"""The page Operate."""
