"""What is asked next: the original request and the partial message -> a request that one route takes."""
