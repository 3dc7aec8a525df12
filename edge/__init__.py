"""The contract with caches: addresses, tiers, headers, stores, CDNs. Knows no database."""
__version__ = "1.0.0"
