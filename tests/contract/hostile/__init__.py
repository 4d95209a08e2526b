"""Folders of checkpoints and recognisers that try to run code."""
