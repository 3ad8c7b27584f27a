"""What happens in one transaction each: facts that come in, timers that fire, what people do."""
