"""Stage two: sampling, alignment scores, pairs, preference training (TL-PO).

alignment.py  score sampled answers
hub_pairs.py  pairs from a dataset of the Hub
sampling.py   sample answers to prompts
trainers.py   ORPO, DPO, CPO, SimPO and KTO
"""
