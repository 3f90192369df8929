"""The program that puts the parts together; nothing imports it."""

__version__ = "0.1.0"
