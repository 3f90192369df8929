"""Who does what, where, and stop."""
