"""The live site against the manifest: what the store lacks, what was changed there, what does not belong there, what edges
show that is old; and its mending, in one release."""
