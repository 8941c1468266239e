"""What the server offers beside messages: batches, models, the status page."""
