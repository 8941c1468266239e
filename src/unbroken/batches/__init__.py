"""One request in the Message Batches API: as it is sent, waited for, and joined to what was received before."""
