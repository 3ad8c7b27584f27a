"""Workbooks as offices keep them: read into drafts, refused row by row with the cell named, written back for mending.

Nothing here knows the database or HTTP. Content from outside is read in a process of its own (see `isolation`).
"""
