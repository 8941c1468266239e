"""Which part of a request makes it fail. Pure: `unbroken doctor` sends the requests."""
