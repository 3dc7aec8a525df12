"""What there is to show: tables, bulk reads, imports, derived text."""
