"""The steps of a sandbox's life: refresh, and what guards it."""
