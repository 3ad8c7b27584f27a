"""Everything the platform needs beside itself, from Python wheels alone (and Apache Kafka where Java is at hand)."""
