"""What became of it: adoption and outcome of recommendations, and candidate policies judged on logs alone."""
