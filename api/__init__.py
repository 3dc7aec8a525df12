"""Auth and one student's own data; never catalog content."""
