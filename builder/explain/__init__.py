"""What an edit would do before it is released, and why a page is as it is after: diff, impact, why."""
