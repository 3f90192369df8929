"""The server and the app."""
