"""Keep an iso-prod Dolibarr sandbox clean, prod-shaped and armed, with Invoke tasks."""
