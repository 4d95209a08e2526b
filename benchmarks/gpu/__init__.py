"""`python -m benchmarks.gpu`: F5-TTS on one machine's GPU, the official path and ours."""
