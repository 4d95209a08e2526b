"""Speaking on a device that fails: remedies, batches, the CPU instead."""
