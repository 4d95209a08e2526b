"""How one attempt at a generate goes, from the request to the reply."""
