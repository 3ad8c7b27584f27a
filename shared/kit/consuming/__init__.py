"""The consuming half: partitions, watermarks, effects once; what was put aside; what Kafka did not bring."""
