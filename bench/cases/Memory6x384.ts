/**
 * Peak memory of the session process over two epochs: with a frozen backbone, and with half of it frozen, against full
 * fine-tuning. Each has to be lower at least by the moments of what it freezes and by what the way back through frozen
 * blocks would read again.
 */
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"
import type { Case, Report } from "../Case.ts"
import * as FrozenEpochs from "../FrozenEpochs.ts"
import * as Timed from "../Timed.ts"
import { threads } from "../UpdateCase.ts"
import * as Workload from "../Workload.ts"

const rounds = 3
const frozen = [
  { name: "half frozen", frozenGroups: 4 },
  { name: "backbone frozen", frozenGroups: 7 },
]

export const memory6x384: Case = {
  name: "memory/6x384/32x64",
  run: Effect.gen(function* () {
    const full = yield* measured(0)
    const notes = [`full fine-tuning ${megabytes(Timed.spread(full.peaks).median)}`]
    const ratios: Array<Report["ratios"][number]> = []
    for (const { name, frozenGroups } of frozen) {
      const { peaks, momentBytes } = yield* measured(frozenGroups)
      const needless = full.momentBytes - momentBytes + (frozenGroups - 1) * backwardBytes(Workload.miniLM)
      const saved = Timed.spread(full.peaks).median - Timed.spread(peaks).median
      const what = `${name} ${megabytes(Timed.spread(peaks).median)}: ${megabytes(saved)} less; moments and activations that it does not need are ${megabytes(needless)}`
      if (saved < needless) return yield* Effect.fail(new Error(`memory, expected ${what}.`))
      notes.push(what)
      ratios.push({
        against: `the memory of ${name}`,
        runs: rounds,
        above: "full fine-tuning takes more",
        ...Timed.spread(peaks.map((peak, round) => full.peaks[round]! / peak)),
      })
    }
    return { notes, ratios } satisfies Report
  }).pipe(Effect.provide(SessionProcess.layer({ threads }))),
}

/** Peaks of some rounds, and bytes of the moments. */
const measured = Effect.fnUntraced(function* (frozenGroups: number) {
  const workload = { ...Workload.miniLM, frozenGroups }
  const subject = Workload.make(workload)
  const peaks: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const plan = { workload, batches: 2, epochs: 2, budgetBytes: 2 ** 31 }
    peaks.push((yield* FrozenEpochs.run(subject, plan)).peakBytes)
  }
  const moments = Object.entries(subject.state).filter(([name]) => name.startsWith("exp_avg"))
  return { peaks, momentBytes: moments.reduce((sum, [, { data }]) => sum + data.byteLength, 0) }
})

/**
 * What the way back through a block reads of its way forward: inputs of the six linear maps (queries, keys and values
 * share one), queries, keys, values, both normalised sums, what the activation was given, and the shares of attention.
 */
const backwardBytes = ({ hidden, intermediate, heads, batch, tokens }: Omit<Workload.Workload, "frozenGroups">) =>
  4 * batch * tokens * (8 * hidden + 2 * intermediate + heads * tokens)

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
