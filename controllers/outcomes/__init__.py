"""Outcomes of accepted recommendations: adoption, realised gain, and a test of the promised gains."""
