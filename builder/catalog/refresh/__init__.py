"""The hourly refresh: what providers know of lengths, pictures and availability, brought into the catalog.

``run.refresh`` is the job, ``rows.behind`` what status asks, ``rows.pictures_of`` what a takedown takes along. Nothing
is imported here: the one who only counts need not load what draws.
"""
