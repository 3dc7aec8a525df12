"""The editors' desk: edits of the catalog, what is asked of the builder, and how a release goes. Off unless LECTERN_DESK is yes."""
