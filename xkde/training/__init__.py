"""The stages of training, from settings to a checkpoint with its card.

averaging.py      averages of checkpoints
conversations.py  conversations as training rows
run.py            a run's folder: log, resume, result
settings.py       settings files
speed.py          stage one by TRL's own trainer, to compare with
stages.py         base, XE-IT and TL-PO
embedding_encoder.py  an encoder of edits from token embeddings
atlas_models/     atlas's own small models
editors/          training of what SERAC and MEND need beside the model
preference/       stage two
"""
