"""The documents, and what writes and checks their generated parts."""
