"""Games: which inputs go where, and what each player minimises."""
