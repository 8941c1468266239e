"""Which part of a request makes it fail. Pure: whoever asks the API is `unbroken doctor`."""
