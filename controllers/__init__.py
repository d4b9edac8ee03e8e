"""What to do: searches, the judge that compares policies on the same draws, and the recommendation."""
