"""Jobs of several workers, in any order of their steps."""
