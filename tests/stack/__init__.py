"""The whole of it on one machine: PostgreSQL, origin, API, worker and Varnish, under load while its parts die and come back."""
