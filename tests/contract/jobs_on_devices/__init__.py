"""Jobs whose engine leaves the device, and jobs that share an engine."""
