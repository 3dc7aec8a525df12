"""A day of a million students through several edges, simulated; and a sample of it replayed through a real Varnish."""
