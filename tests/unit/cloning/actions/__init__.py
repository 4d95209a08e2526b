"""The actions health, upload, voices, and those of jobs, in one process."""
