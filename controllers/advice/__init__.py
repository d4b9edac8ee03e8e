"""What a recommendation is made of, when it may be raised unasked, and in which words."""
