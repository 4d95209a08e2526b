"""The cache of checkpoints that machines share through a bucket."""
