"""What runs models: causal LMs (transformers, vLLM), encoders, translation models."""
