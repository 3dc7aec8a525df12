"""Accounts: who somebody is, how that is proven, and how long it holds."""
