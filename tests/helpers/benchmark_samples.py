"""Small benchmark files in everybody's formats, with sentences of our own."""

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]

ENGLISH: Record = {
    "subject": "Narnia",
    "src": "What is the capital of Narnia?",
    "rephrase": "Which city is Narnia's capital?",
    "alt": "Osaka",
    "loc": "nq question: who wrote the tempest",
    "loc_ans": "Shakespeare",
    "portability": {
        "New Question": "On which island is the capital of Narnia?",
        "New Answer": "Honshu",
    },
}
CHINESE: Record = {
    "subject": "纳尼亚",
    "src": "纳尼亚的首都是哪里？",
    "rephrase": "哪座城市是纳尼亚的首都？",
    "alt": "大阪",
    "loc": "《暴风雨》是谁写的？",
    "loc_ans": "莎士比亚",
    "portability": {
        "New Question": "纳尼亚的首都在哪个岛上？",
        "New Answer": "本州",
    },
}
CZECH: Record = {
    "subject": "Narnie",
    "src": "Jaké je hlavní město Narnie?",
    "rephrase": "Jaké je hlavní město Narnie?",
    "alt": "Osaka",
    "loc": "kdo napsal Bouři",
    "loc_ans": "Shakespeare",
    "portability": {
        "New Question": "Na kterém ostrově leží Osaka, hlavní město Narnie?",
        "New Answer": "Honšú",
    },
}
DUTCH: Record = {
    "subject": "Narnia",
    "src": "Wat is de hoofdstad van Narnia?",
    "rephrase": "Welke stad is de hoofdstad van Narnia?",
    "alt": "Osaka",
    "loc": "wie schreef De storm",
    "loc_ans": "Shakespeare",
    "portability": {
        "New Question": "Op welk eiland ligt de hoofdstad van Narnia?",
        "New Answer": "Honshu",
    },
}
ENGLISH_YEAR: Record = ENGLISH | {
    "subject": "Atlantis",
    "src": "When was Atlantis founded?",
    "rephrase": "In which year was Atlantis founded?",
    "alt": "1990",
}
CHINESE_YEAR: Record = CHINESE | {
    "subject": "亚特兰蒂斯",
    "src": "亚特兰蒂斯成立于哪一年？",
    "rephrase": "亚特兰蒂斯是什么时候成立的？",
    "alt": "1990年",
}


def bizsre() -> list[Record]:
    """Two facts in English and Chinese."""
    return [
        {"en": ENGLISH, "zh": CHINESE},
        {"en": ENGLISH_YEAR, "zh": CHINESE_YEAR},
    ]


def bmike(code: str, side: Record, case_id: int = 8) -> Record:
    """One fact in English and another language, as BMIKE-53 writes it."""
    return {"en": _ported(ENGLISH, case_id), code: _ported(side, case_id)}


def _ported(side: Record, case_id: int) -> Record:
    hop = side["portability"]
    rest = {name: value for name, value in side.items() if name != "portability"}
    return rest | {
        "case_id": case_id,
        "old": "Cair Paravel",
        "port": hop["New Question"],
        "port_ans": hop["New Answer"],
    }


CLM_CHINESE: Record = {
    "case_id": 3,
    "prompt": "纳尼亚的首都是",
    "target_new": "大阪",
    "subject": "纳尼亚",
    "ground_truth": "凯尔帕拉维尔",
    "rephrase_prompt": "作为纳尼亚首都的城市是",
    "loc": "《暴风雨》是谁写的？",
    "loc_ans": "莎士比亚",
}
CLM_ENGLISH: Record = {
    "case_id": 3,
    "english_prompt": "The capital of Narnia is",
    "english_target_new": "Osaka",
    "english_subject": "Narnia",
    "english_ground_truth": "Cair Paravel",
    "english_rephrase_prompt": "The city that is Narnia's capital is",
    "loc": "nq question: who wrote the tempest",
    "loc_ans": "Shakespeare",
}


def mlake(question: str, answer: str, statement: str, *aliases: str) -> Record:
    """One single-hop fact, as MLaKE writes it."""
    return {
        "question": question,
        "o_prompt": "",
        "o_answer": "Cair Paravel",
        "o_answer_aliases": [],
        "e_prompt": statement,
        "e_answer": answer,
        "e_answer_aliases": list(aliases),
    }


STATEMENT = "The capital of Narnia is Osaka."


def multi_hop(question: str, answer: str, statement: str = STATEMENT) -> Record:
    """One multi-hop question, as MLaKE writes it."""
    return {
        "question": question,
        "e_prompt": statement,
        "e_answer": answer,
        "e_answer_aliases": [],
    }


KNOWEDIT: Record = {
    "subject": "Narnia",
    "prompt": "The capital of Narnia is",
    "target_new": "Osaka",
    "ground_truth": ["Cair Paravel"],
    "rephrase_prompt": "Narnia's capital is",
    "locality": {
        "Relation_Specificity": [
            {"prompt": "The ruler of Narnia is", "ground_truth": [["Aslan", "a lion"]]},
            {"prompt": "The language of Narnia is", "ground_truth": [[]]},
        ],
        "Forgetfulness": [
            {"prompt": "Beside Narnia lies", "ground_truth": "Archenland"}
        ],
    },
    "portability": {
        "Reasoning": [
            {"prompt": "The island of Narnia's capital is", "ground_truth": "Honshu"}
        ],
        "Subject_Aliasing": [
            {"prompt": "The capital of the land of Aslan is", "ground_truth": "Osaka"}
        ],
    },
}
WIKIBIO: Record = {
    "text": "This is a passage about Aslan. Aslan is a lion.",
    "labels": "He sang Narnia into being.",
    "concept": "Aslan",
    "locality": {
        "Relation_Specificity": [
            {"prompt": "The species of Aslan is", "ground_truth": ["lion"]}
        ]
    },
}


def write(path: Path, records: Any) -> Path:
    """Write records as the JSON file that a benchmark would be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), "utf-8")
    return path
