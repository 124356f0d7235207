"""What is known about Dolibarr itself: its REST API, its web pages, its rights."""
