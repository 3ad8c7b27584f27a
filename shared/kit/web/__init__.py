"""HTTP: the application frame, problem details, who calls, signed links."""
