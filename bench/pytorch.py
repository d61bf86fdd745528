"""One fine-tuning update of a BERT in plain PyTorch, for each line on standard input; its seconds go to standard output.

The only argument is JSON: the fields of bench/Workload.ts, and threads. The first frozenGroups groups (embeddings, then
blocks) do not train and run under torch.no_grad(), which is the best PyTorch can do for them without a cache.
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

given = json.loads(sys.argv[1])
BLOCKS, HIDDEN, HEADS = given["blocks"], given["hidden"], given["heads"]
INTERMEDIATE, VOCAB, POSITIONS = given["intermediate"], given["vocab"], given["positions"]
BATCH, TOKENS, CLASSES, FROZEN = given["batch"], given["tokens"], given["classes"], given["frozenGroups"]

torch.set_num_threads(given["threads"])
torch.manual_seed(7)


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(VOCAB, HIDDEN)
        self.position = nn.Embedding(POSITIONS, HIDDEN)
        self.token_type = nn.Embedding(2, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-12)

    def forward(self, ids, types):
        return self.norm(self.word(ids) + self.token_type(types) + self.position(torch.arange(TOKENS)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.attention_output = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.attention_norm, self.output_norm = (nn.LayerNorm(HIDDEN, eps=1e-12) for _ in range(2))
        self.intermediate, self.output = nn.Linear(HIDDEN, INTERMEDIATE), nn.Linear(INTERMEDIATE, HIDDEN)

    def forward(self, x, mask):
        split = lambda y: y.view(BATCH, TOKENS, HEADS, HIDDEN // HEADS).transpose(1, 2)
        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        shares = F.softmax(query @ key.transpose(-1, -2) / math.sqrt(HIDDEN // HEADS) + mask, -1)
        context = (shares @ value).transpose(1, 2).reshape(BATCH, TOKENS, HIDDEN)
        x = self.attention_norm(self.attention_output(context) + x)
        return self.output_norm(self.output(F.gelu(self.intermediate(x))) + x)


groups = nn.ModuleList([Embeddings(), *(Block() for _ in range(BLOCKS))])
head = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, CLASSES))
for parameter in [*groups.parameters(), *head.parameters()]:
    if parameter.dim() > 1:
        nn.init.normal_(parameter, std=0.02)
groups[:FROZEN].requires_grad_(False)

training = [parameter for parameter in [*groups.parameters(), *head.parameters()] if parameter.requires_grad]
optimizer = torch.optim.AdamW(
    [
        {"params": [parameter for parameter in training if parameter.dim() > 1], "weight_decay": 0.01},
        {"params": [parameter for parameter in training if parameter.dim() == 1], "weight_decay": 0.0},
    ],
    lr=given["learningRate"],
)
types = torch.zeros(BATCH, TOKENS, dtype=torch.int64)
mask = (1.0 - torch.ones(BATCH, 1, 1, TOKENS)) * -1e9


def through(part, x):
    for group in part:
        x = group(x, types) if isinstance(group, Embeddings) else group(x, mask)
    return x


def update(ids, labels):
    with torch.no_grad():
        below = through(groups[:FROZEN], ids)
    logits = head(through(groups[FROZEN:], below)[:, 0])
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    nn.utils.clip_grad_norm_(training, given["maxGradientNorm"])
    optimizer.step()
    return loss.item()


for _ in sys.stdin:
    ids = (VOCAB ** torch.rand(BATCH, TOKENS, dtype=torch.float64)).long()
    labels = torch.randint(CLASSES, (BATCH,))
    start = time.perf_counter()
    update(ids, labels)
    print(time.perf_counter() - start, flush=True)
