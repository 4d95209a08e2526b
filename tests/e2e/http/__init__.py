"""HTTP served by a real worker: its own port, the bridge to a queue, and a machine without RunPod."""
