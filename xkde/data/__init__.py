"""What models are taught and asked: Atlas, benchmarks, instructions, pairs. No torch.

atlas/         Atlas, the embedded world
benchmarks/    Benchmarks of others
instructions/  cross-lingual training instructions
preferences/   preference pairs
parquet.py     Parquet files of anybody, judged before they are read
"""
