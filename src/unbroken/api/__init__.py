"""The doors: `resilient_stream`, `resilient_message`, `ResilienceMiddleware`, `defer` and `diagnose`."""
