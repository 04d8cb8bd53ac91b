"""What models are taught and asked: Atlas. Knows no torch.

    atlas/         Atlas
    benchmarks/    Benchmarks of others
    instructions/  cross-lingual training instructions
    preferences/   preference pairs

atlas/         Atlas
benchmarks/    Benchmarks of others
instructions/  cross-lingual training instructions
parquet.py     Parquet files of anybody, judged before they are read
preferences/   preference pairs
"""
