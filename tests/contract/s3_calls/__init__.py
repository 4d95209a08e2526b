"""Every call of the S3 store, each with every fault."""
