"""What is told of a stream: to its report, to listeners, to the log, and to OpenTelemetry."""
