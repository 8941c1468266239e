"""What each model accepts and costs."""
