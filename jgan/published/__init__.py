"""Published weights: whose network a file holds, what config it is of, and a run made of it."""
