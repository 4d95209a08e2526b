"""The fused kernels."""
