"""Break refreshes at random moments, and show that the sandbox is the old one or the new one after each."""
