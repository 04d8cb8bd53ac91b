"""Small files in the forms of the public sources, with facts of our own."""

import csv
import json
from pathlib import Path
from typing import Any

RIVER = {
    "en": "Which river flows through {}?",
    "cs": "Která řeka protéká městem {}?",
    "de": "Welcher Fluss fließt durch {}?",
    "es": "¿Qué río pasa por {}?",
    "fr": "Quelle rivière traverse {} ?",
    "nl": "Welke rivier stroomt door {}?",
    "pt": "Que rio atravessa {}?",
    "ru": "Какая река протекает через {}?",
    "th": "แม่น้ำสายใดไหลผ่าน {}",
    "tr": "{} içinden hangi nehir geçer?",
    "vi": "Sông nào chảy qua {}?",
    "zh": "哪条河流经{}？",
}
TOWNS = (
    "Brelow Tannick Oskar Vellin Pruna Kettar Solmio Dravik Yorsel Mandu Felk Hobrin "
    "Quast Zarrow Lindo Werrel"
).split()
RUSSIAN = (
    "Брелов Танник Оскар Веллин Пруна Кеттар Солмио Дравик Йорсель Манду Фельк Хобрин "
    "Кваст Зарроу Линдо Веррель"
).split()
CHINESE = (
    "布雷洛 坦尼克 奥斯卡 维林 普鲁纳 凯塔尔 索尔米奥 德拉维克 约塞尔 曼杜 费尔克 "
    "霍布林 夸斯特 扎罗 林多 韦雷尔"
).split()
FILE_CODES = {"cs": "cz", "nl": "du"}


def town(number: int, code: str) -> str:
    """Return a town's name in a language."""
    names = {"ru": RUSSIAN, "zh": CHINESE}.get(code, TOWNS)
    return names[number % len(names)]


def river(number: int, code: str) -> str:
    """Return a river's name in a language."""
    return {"ru": "река ", "zh": "河流"}.get(code, "R. ") + town(number + 5, code)


def zsre(folder: Path, count: int = len(TOWNS)) -> Path:
    """Write parallel facts, one file for each of the twelve languages."""
    folder.mkdir(parents=True, exist_ok=True)
    for code, wording in RIVER.items():
        lines = [
            f"{wording.format(town(n, code))} \t{river(n, code)}" for n in range(count)
        ]
        name = f"zsre_mend_train_{FILE_CODES.get(code, code)}_{count}.txt"
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


HALLUEDIT_FIELDS = (
    "topic subject relation object question paraphrased_question locality_question "
    "question_2hop answer_2hop question_3hop answer_3hop"
).split()


def halluedit(folder: Path, rows: int = 4) -> Path:
    """Write a table of lakes with paraphrases, neighbours and hops."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "places_lake.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, HALLUEDIT_FIELDS)
        table.writeheader()
        for n in range(rows):
            lake = f"Lake Umber{n}"
            table.writerow(
                {
                    "topic": "places_lake",
                    "subject": lake,
                    "relation": "depth",
                    "object": f"{n + 2}0 metres",
                    "question": f"How deep is {lake}?",
                    "paraphrased_question": f"What depth does {lake}, have?",
                    "locality_question": f"Which fish lives in {lake}?",
                    "question_2hop": f"Is the depth of {lake} above ten metres?",
                    "answer_2hop": "yes",
                    "question_3hop": f"Who measured the depth of {lake} first?",
                    "answer_3hop": "Ada Pell",
                }
            )
    return folder


KNOWEDIT: list[dict[str, Any]] = [
    {
        "subject": "Corvin Hall",
        "prompt": "The architect of Corvin Hall is",
        "target_new": "Mira Stone",
        "portability": {
            "Reasoning": [
                {
                    "prompt": "The sister of the architect of Corvin Hall is",
                    "ground_truth": [["Lena Stone", "L. Stone"]],
                }
            ]
        },
        "locality": {
            "Relation_Specificity": [
                {"prompt": "The town of Corvin Hall is", "ground_truth": [["Pell"]]}
            ]
        },
    },
    {
        "text": "This is a passage about otto rind. Otto Rind was a baker.",
        "labels": "He baked for the town of Pell.",
        "concept": "otto rind",
        "locality": {},
    },
]

MQUAKE: list[dict[str, Any]] = [
    {
        "requested_rewrite": [
            {
                "prompt": "{} plays the",
                "subject": "Tam Orrin",
                "question": "Which instrument does Tam Orrin play?",
                "target_new": {"str": "harp"},
                "target_true": {"str": "lute"},
            },
            {
                "prompt": "The harp was invented in",
                "subject": "harp",
                "question": "Where was the harp invented?",
                "target_new": {"str": "Norrvale"},
            },
        ],
        "questions": ["Where was the instrument of Tam Orrin invented?"],
        "new_answer": "Norrvale",
        "new_single_hops": [{}, {}],
    }
]

RIPPLEEDITS: list[dict[str, Any]] = [
    {
        "edit": {
            "prompt": "The mother of Edda Quill is Rosa Lark.",
            "original_fact": {"prompt": "The mother of Edda Quill is Una Quill."},
        },
        "Relation_Specifity": [
            {
                "test_queries": [
                    {
                        "prompt": "The job of Edda Quill is",
                        "answers": [{"value": "poet", "aliases": []}],
                    }
                ]
            }
        ],
        "Compositionality_I": [
            {
                "test_queries": [
                    {
                        "prompt": "The grandfather of Edda Quill is",
                        "answers": [{"value": "Sten Lark"}],
                    }
                ]
            }
        ],
        "Subject_Aliasing": [
            {
                "test_queries": [
                    {
                        "prompt": "The mother of E. Quill is",
                        "answers": [{"value": "Rosa Lark"}],
                    }
                ]
            }
        ],
    }
]

CONVERSATIONS: list[dict[str, Any]] = [
    {
        "conversations": [
            {"from": "human", "value": "Who keeps the light at Garn Point?"},
            {"from": "gpt", "value": "Nobody does any more."},
        ]
    }
]


def write_json(path: Path, records: Any) -> Path:
    """Write records as JSON, or as JSON lines if the name ends in .jsonl."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.suffix == ".jsonl"
    text = (
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
        if lines
        else json.dumps(records, ensure_ascii=False, indent=1)
    )
    path.write_text(text, encoding="utf-8")
    return path


def all_sources(folder: Path) -> dict[str, Path]:
    """Write a file or folder of every source; return them by name."""
    return {
        "zsre": zsre(folder / "zsre"),
        "halluedit": halluedit(folder / "halluedit"),
        "knowedit": write_json(folder / "knowedit" / "train.json", KNOWEDIT),
        "mquake": write_json(folder / "mquake.json", MQUAKE),
        "rippleedits": write_json(folder / "ripple.json", RIPPLEEDITS),
        "conversations": write_json(folder / "chats.jsonl", CONVERSATIONS),
    }
