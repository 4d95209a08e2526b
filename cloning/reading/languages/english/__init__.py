"""What English has beside the classes of other languages, and its words."""
