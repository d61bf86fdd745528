"""Loads exported folders as transformers and sentence-transformers do, and compares what they say with what we say.

    python3 compare.py <folder>

The folder has one exported folder for each case beside an `expected.json`:

    [{ "case": "bert", "texts": [...], "ids": [[...]],
       "logits": { "topic": [[...]], "entities": [[[...]]] },     one row for each text, without padding
       "embeddings": [[...]] }]

Prints a line for each comparison and ends with 1 when any differs. Nothing is fetched.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402

TOLERANCE = 1e-4
failures = 0


def told(case, what, problem):
    global failures
    failures += problem is not None
    print(f"{case}, {what}: {'as expected' if problem is None else problem}")


def distance(found, expected):
    """None where two lists of numbers are equal up to rounding."""
    found, expected = torch.as_tensor(found, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64)
    if found.shape != expected.shape:
        return f"shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
    most = (found - expected).abs().max().item()
    return None if most < TOLERANCE else f"up to {most:.2g} apart"


def loaded(kind, folder, optional=()):
    """The model, and None or what of its weights was missing or left over; modules named in `optional` may be missing."""
    model, report = kind.from_pretrained(folder, output_loading_info=True)
    wrong = {
        name: sorted(str(key) for key in keys if not (name == "missing_keys" and str(key).split(".")[0] in optional))
        for name, keys in report.items()
    }
    wrong = {name: keys for name, keys in wrong.items() if keys}
    return model.eval(), None if not wrong else f"weights do not fit: {wrong}"


def compare_task(case, folder, task, expected):
    place = folder / "tasks" / task
    config = transformers.AutoConfig.from_pretrained(place)
    # The class that the folder names, not one chosen by the kind of task.
    model, problem = loaded(getattr(transformers, config.architectures[0]), place)
    told(case, f"{task}, weights", problem)
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    ids = [tokenizer(text)["input_ids"] for text in expected["texts"]]
    told(case, f"{task}, token ids", None if ids == expected["ids"] else f"{ids}, expected {expected['ids']}")
    with torch.no_grad():
        for row, text in enumerate(expected["texts"]):
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
            told(case, f"{task}, logits of text {row}", distance(logits, expected["logits"][task][row]))
        of_tokens = model.config.architectures[0].endswith("ForTokenClassification")
        if not of_tokens:
            batch = tokenizer(expected["texts"], padding=True, return_tensors="pt")
            told(case, f"{task}, logits of a batch", distance(model(**batch).logits, expected["logits"][task]))
    kind = "token-classification" if of_tokens else "text-classification"
    answer = transformers.pipeline(kind, model=model, tokenizer=tokenizer)(expected["texts"][0])
    labels = set(model.config.id2label.values())
    known = all(each.get("label", each.get("entity")) in labels for each in answer)
    told(case, f"{task}, {kind}", None if known else f"{answer}")


def compare_encoder(case, folder, expected):
    # Families with a pooler have one in the bare model, too, which no pooled vector here comes from.
    _, problem = loaded(transformers.AutoModel, folder / "encoder", optional=("pooler",))
    told(case, "encoder, weights", problem)
    encoder = SentenceTransformer(str(folder / "encoder"), device="cpu")
    told(case, "encoder, embeddings", distance(encoder.encode(expected["texts"]), expected["embeddings"]))


def main(root):
    for expected in json.loads((root / "expected.json").read_text()):
        case = expected["case"]
        compare_encoder(case, root / case, expected)
        for task in expected["logits"]:
            compare_task(case, root / case, task, expected)
    print(f"transformers {transformers.__version__}: {failures} differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
