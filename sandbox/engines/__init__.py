"""Where the sides live."""
