"""What runs models: causal LMs (transformers, vLLM), encoders, translation models.

aligner.py       the alignment scorer, a translation model
conversion.py    GGUF weights of a package as a checkpoint folder
decoding.py      the decode loop
encoder.py       sentence encoders
engine.py        the interface of an engine, opened and asked by name
forward.py       forward passes on token ids
hypernetwork.py  MEND's hyper-network
loading.py       load a checkpoint, or a base with a LoRA adapter
pool.py          loaded engines, and those being loaded
prefix_trees.py  first choices for many texts with common beginnings
server.py        a server that speaks the OpenAI protocol, as vLLM's
threads.py       how many threads are fastest here
transformers.py  transformers in this process
translation.py   a language model as translator and alignment scorer
vllm.py          vLLM in this process
"""
