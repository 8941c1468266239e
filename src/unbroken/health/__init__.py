"""What streams know together of their routes: budgets, circuit breakers, how soon they answer, and the status page."""
