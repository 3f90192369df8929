"""The building: what should be there, when, and what is known to be."""
