"""Counting by a moving window: storages for flask-limiter, in this process, in memory that processes share, or in Redis.

Why not its own: its memory storage walks every key a hundred times a second and keeps an object a request
(1,000 addresses with 1,000 requests each took 178 MB); its Redis storage asks twice a request.
"""
