"""A run's generator as one file that other runtimes read: ONNX, StableHLO, safetensors."""
