"""What models are taught and asked: Atlas. Knows no torch.

    atlas/         Atlas
    benchmarks/    Benchmarks of others
    instructions/  cross-lingual training instructions
    preferences/   preference pairs

atlas/         Atlas
benchmarks/    Benchmarks of others
instructions/  cross-lingual training instructions
preferences/   preference pairs
"""
