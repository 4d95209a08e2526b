"""Fused kernels and the fast sampler in half precision, and the proof that lets them speak."""
