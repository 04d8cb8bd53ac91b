"""What models are taught and asked: Atlas, benchmarks, instructions, pairs. No torch.

atlas/            Atlas, the embedded world
benchmarks/       Benchmarks of others
instructions/     cross-lingual training instructions
preferences/      preference pairs
file_settings.py  how a file that grows is made, kept beside it
parquet.py        Parquet files of anybody, judged before they are read
"""
