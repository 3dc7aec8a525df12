"""The contract with caches: addresses, tiers, headers, stores, CDNs. Knows no database."""
__version__ = "0.1.0"
