"""Runs that go wrong on purpose: at one call after another, the builder dies, is refused or hears nothing."""
