"""A simulator of chat robots: what the platform sends to DingTalk groups and webhooks arrives here and can be seen.

It speaks the robots' own protocols with their limits, penalties and error codes, and can be told to fail.
"""
