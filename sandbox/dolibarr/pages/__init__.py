"""Dolibarr's web pages, one class each, and what they share."""
