"""A template author's loop: pages rendered as they are asked for, by the real renderer, and read anew by the browser after a change.

Nothing of it is in a release: what it adds to a page it adds while it serves.
"""
