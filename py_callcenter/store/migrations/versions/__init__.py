"""Steps in order of their numbers. Each goes both ways."""
