"""People, machines and zones, seen by cameras."""
