"""One student's own data: where they are, what they keep, what they may watch."""
