/**
 * Fine-tuning an encoder of MiniLM's size on sentences of banking77: examples a second in batches of a token budget against
 * random ones of 32. Where the data does not lie beside the checkout, lengths of the same spread are
 * made up. A batch of the budget has as many tokens as a random one has on average, padding included.
 */
import { existsSync, readFileSync } from "node:fs"
import * as Seed from "@thaw/core/Seed"
import * as Tensor from "@thaw/onnx/Tensor"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Course from "@thaw/steps/sample/Course"
import * as Draws from "@thaw/steps/sample/Draws"
import * as Sampling from "@thaw/steps/sample/Sampling"
import * as TokenBudget from "@thaw/steps/sample/TokenBudget"
import { Effect } from "effect"
import type { Case, Report } from "../Case.ts"
import * as ThawUpdate from "../ThawUpdate.ts"
import * as Timed from "../Timed.ts"
import { threads } from "../UpdateCase.ts"
import * as Workload from "../Workload.ts"

const file = new URL("../../../shared/data/banking77/train.jsonl", import.meta.url)
const workload = { ...Workload.miniLM, frozenGroups: 0 }
const seed = Seed.make(7, "bench")
/** At least. */
const examples = 512
const rounds = 3

/** Tokens of each sentence: one for every word and mark, and the two at the ends. */
const lengthsOf = (lines: ReadonlyArray<string>): ReadonlyArray<number> =>
  lines.map((line) => {
    const { text } = JSON.parse(line) as { readonly text: string }
    return Math.min(workload.tokens, 2 + (text.match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? []).length)
  })

const lengths = (): ReadonlyArray<number> => {
  if (existsSync(file)) return lengthsOf(readFileSync(file, "utf8").trimEnd().split("\n"))
  const stream = Seed.stream(seed, "lengths")
  return Array.from({ length: 10_000 }, () =>
    Math.min(workload.tokens, 6 + Math.floor(-9 * Math.log(1 - stream.float()))),
  )
}

/** Lengths of the examples of the first batches, which come in random order: of as many as hold enough examples. */
const batchesOf = (
  all: ReadonlyArray<number>,
  told: Partial<Sampling.Sampling>,
): ReadonlyArray<ReadonlyArray<number>> => {
  const pools = [{ task: "topic", size: all.length, lengths: all }]
  const course = Course.of({ ...Sampling.defaults, ...told }, pools, { batch: workload.batch, accumulate: 1 }, seed)
  const draws = Draws.draws(course, course.perEpoch)
  const batches: Array<ReadonlyArray<number>> = []
  while (examplesIn(batches) < examples) {
    batches.push(draws.next().value.parts.flatMap(({ rows }) => rows.map((row) => all[row]!)))
  }
  return batches
}

const examplesIn = (batches: ReadonlyArray<ReadonlyArray<number>>): number =>
  batches.reduce((sum, { length }) => sum + length, 0)

const paddingOf = (batches: ReadonlyArray<ReadonlyArray<number>>) => {
  const each = batches.map(TokenBudget.paddingOf)
  const all = each.reduce((sum, padding) => sum + padding.all, 0)
  return { all, share: each.reduce((sum, { padded }) => sum + padded, 0) / all }
}

/** Random ids, padded to the longest. */
const feedsOf = (batch: ReadonlyArray<number>, at: number): Readonly<Record<string, Tensor.Tensor>> => {
  const stream = Seed.stream(seed, "batch", String(at))
  const tokens = Math.max(...batch)
  const grid = (of: (inside: boolean) => number) => {
    const data = new Int32Array(batch.length * tokens)
    batch.forEach((length, row) => {
      for (let token = 0; token < tokens; token++) data[row * tokens + token] = of(token < length)
    })
    return Tensor.int32([batch.length, tokens], data)
  }
  return {
    input_ids: grid((inside) => (inside ? Math.floor(workload.vocab ** stream.float()) : 0)),
    attention_mask: grid(Number),
    token_type_ids: grid(() => 0),
    "labels.topic": Tensor.int32(
      [batch.length],
      Int32Array.from(batch, () => stream.int(Workload.classes)),
    ),
  }
}

export const tokenBudget: Case = {
  name: "token-budget/6x384",
  run: Effect.gen(function* () {
    const all = lengths()
    const random = batchesOf(all, {})
    const perBatch = Math.round(paddingOf(random).all / random.length)
    const budget = batchesOf(all, { tokenBudget: TokenBudget.tokenBudget({ tokens: perBatch }) })
    const passes = [random, budget].map((batches) => ({ batches, padding: paddingOf(batches) }))
    const subject = Workload.make(workload)
    const queue: Array<Readonly<Record<string, Tensor.Tensor>>> = []
    const thaw = yield* ThawUpdate.open({ ...subject, batch: () => queue.shift()! })
    const contenders = passes.map(({ batches }, index) => ({
      name: index === 0 ? "random" : "budget",
      once: Effect.suspend(() => {
        queue.push(...batches.map(feedsOf))
        return Effect.map(Effect.forEach(batches, () => thaw.contender.once), (times) => times.reduce((a, b) => a + b, 0)) // prettier-ignore
      }),
    }))
    const [without, within] = yield* Timed.interleaved(contenders, rounds)
    const speeds = [without!, within!].map((seconds, at) =>
      seconds.map((each) => examplesIn(passes[at]!.batches) / each),
    )
    const told = (at: number) =>
      `padding ${(100 * passes[at]!.padding.share).toFixed(1)} %, ${Timed.spread(speeds[at]!).median.toFixed(1)} examples/s`
    return {
      notes: [
        existsSync(file) ? "sentences of banking77" : "made-up lengths: banking77 is not there",
        `random batches of ${workload.batch}: ${told(0)}`,
        `batches of ${perBatch} tokens: ${told(1)}`,
      ],
      ratios: [
        {
          against: "random batches",
          runs: rounds,
          ...Timed.spread(speeds[1]!.map((speed, round) => speed / speeds[0]![round]!)),
        },
      ],
    } satisfies Report
  }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer({ threads }))),
}
