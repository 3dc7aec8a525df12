"""Answers what the editors' desk asks by rows: previews, impact, pasted addresses, Markdown, imports and exports, rollback, takedown."""
