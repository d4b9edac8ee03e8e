"""What the facility is and how it behaves: its description, its laws and two engines of one plant."""
