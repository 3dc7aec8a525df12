"""The contract with caches: addresses, tiers, headers, stores, CDNs. Knows no database."""
