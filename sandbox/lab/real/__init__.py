"""A lab on a real Dolibarr: a folder that the user has, installed and served under PHP."""
