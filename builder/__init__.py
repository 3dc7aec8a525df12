"""Catalog to pages to release: everything that happens before a student asks."""
