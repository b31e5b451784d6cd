"""The schema of conf/, its checks, and the reference that is rendered from both.

Values live in conf/. What a key does lives in the room that uses it.
"""
