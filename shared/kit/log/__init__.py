"""The producing half: the event log that is also the outbox, its relay, and what auditors are told of it."""
