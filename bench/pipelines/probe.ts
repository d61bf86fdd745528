/**
 * What `pipelines/pretrain.ts` is worth, whose result this takes: 77 intents of bank customers and the sentiment of film
 * reviews, answered from its encoder and from the same encoder at random. Frozen with all training rows, frozen with 300, trained with
 * 300, 5 seeds each; `probe/Probe.ts` says what differs and what does not.
 *
 *     npx -y pnpm@12 thaw run bench/pipelines/probe.ts --threads 2
 *
 * Results are kept, so a run that was stopped goes on. docs/comparisons/pretraining.md shows and judges the tables.
 */
import { Pipeline } from "@thaw/core"
import { Encoder } from "@thaw/models"
import { Load, Split } from "@thaw/steps"
import * as Comparison from "./comparison/Comparison.ts"
import * as SharedData from "./comparison/SharedData.ts"
import * as Probe from "./probe/Probe.ts"

const [banking, bankingTest, moods] = SharedData.files([
  "banking77/train.jsonl",
  "banking77/test.jsonl",
  "mr_polarity/all.jsonl",
])
const load = (path: string, task: string) => Load.jsonl({ path, text: "text", labels: { [task]: "label" } })

// These seeds stay: the parts are the same whatever the seed of a run.
const intent = Split.given({
  train: load(banking, "intent"),
  test: load(bankingTest, "intent"),
  validation: 0.03,
  overlap: "dropFromTrain",
  seed: 0,
})
const sentiment = Split.stratified({ examples: load(moods, "sentiment"), validation: 0.03, test: 0.2, seed: 0 })

const seeds = [1, 2, 3, 4, 5] as const

const { frozen, frozenFew, trainedFew } = Probe.make({
  encoder: Encoder.fromFolder({ path: "../../.thaw/outputs/pretrain/encoder" }),
  tasks: { intent, sentiment },
  seeds,
  few: 300,
  l2: [0.1, 1, 10],
  training: { epochs: 5, batch: 16, rate: 1e-3, maxTokens: 64 },
})

const compared = (scores: Probe.ByEncoder) =>
  Comparison.make({ scores, seeds, tasks: ["intent", "sentiment"], metric: "accuracy" })

export default Pipeline.make("probe", {
  seed: 0,
  outputs: { frozen: compared(frozen), frozenFew: compared(frozenFew), trainedFew: compared(trainedFew) },
})
