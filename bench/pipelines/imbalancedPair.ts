/**
 * Ten thousand bank requests with an intent, three hundred sentences of film reviews with a sentiment, one encoder from
 * scratch: which way of serving the scarce task helps it, and what that costs the other. 6 ways × 5 seeds, each with the
 * same number of updates; `pair/Pair.ts` says what differs and what does not.
 *
 *     npx -y pnpm@12 thaw run bench/pipelines/imbalancedPair.ts --threads 2
 *
 * Results are kept, so a run that was stopped goes on. docs/comparisons/imbalanced-pair.md shows and judges the table.
 */
import { Pipeline } from "@thaw/core"
import { Load, Split } from "@thaw/steps"
import * as Comparison from "./comparison/Comparison.ts"
import * as Pair from "./pair/Pair.ts"
import * as SharedData from "./comparison/SharedData.ts"

const [banking, bankingTest, moods] = SharedData.files([
  "banking77/train.jsonl",
  "banking77/test.jsonl",
  "mr_polarity/all.jsonl",
])
const load = (path: string, task: string) => Load.jsonl({ path, text: "text", labels: { [task]: "label" } })

// These seeds stay: the parts are the same whatever the seed of a run.
const intent = Split.given({
  train: load(banking, Pair.abundant),
  test: load(bankingTest, Pair.abundant),
  validation: 0.02,
  overlap: "dropFromTrain",
  seed: 0,
})
const sentiment = Split.stratified({ examples: load(moods, Pair.scarce), validation: 0.02, test: 0.4, seed: 0 })

const seeds = [1, 2, 3, 4, 5] as const

const { scores, reports } = Pair.make({
  intent,
  sentiment,
  seeds,
  each: 150,
  factor: 10,
  updates: 500,
  batch: 32,
  encoder: { vocabularySize: 4000, blocks: 1, hidden: 128, heads: 4, maxTokens: 48 },
})

export default Pipeline.make("imbalancedPair", {
  seed: 0,
  outputs: {
    comparison: Comparison.make({ scores, seeds, tasks: [Pair.scarce, Pair.abundant], metric: "accuracy" }),
    copies: reports[0]!,
  },
})
