"""The plan for a number of students at once: what each layer is asked, what it needs for that, what it costs, and where it breaks.

`plan` is arithmetic over two things that are shown with its result: what was measured (`figures`) and what was
assumed (`assumptions`). `hits` knows how well a cache does.
"""
