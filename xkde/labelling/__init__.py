"""Labels: what people say of failures, how far they agree, and how that is reported.

agreement.py  Cohen's kappa, Krippendorff's alpha, confusion tables, disagreements
exchange.py   export and import: JSONL, CSV, Label Studio, Argilla
glosses.py    what an answer in another language means
queue.py      which failures are labelled: chosen, filtered, drawn with a seed
records.py    a failed case, and a label
report.py     what was sampled and found, as Markdown too
sharing.py    where labels are kept, and the dataset on the Hub that they are sent to
store.py      the file of labels, in SQLite
"""
