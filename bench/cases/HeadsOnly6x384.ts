/**
 * Five epochs of a sentence head over a frozen encoder of MiniLM's size: with the boundary cache against without, as a
 * whole and by epoch from the second on.
 */
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"
import type { Case, Report } from "../Case.ts"
import * as FrozenEpochs from "../FrozenEpochs.ts"
import * as Timed from "../Timed.ts"
import { threads } from "../UpdateCase.ts"
import * as Workload from "../Workload.ts"

const workload = { ...Workload.miniLM, frozenGroups: 7 }
const plan = { workload, batches: 8, epochs: 5 }
const rounds = 3

export const headsOnly6x384: Case = {
  name: "heads-only/6x384/5 epochs",
  run: Effect.gen(function* () {
    const subject = Workload.make(workload)
    const whole: Array<number> = []
    const later: Array<number> = []
    const notes: Array<string> = []
    for (let round = 0; round < rounds; round++) {
      const kept = yield* FrozenEpochs.run(subject, { ...plan, budgetBytes: 2 ** 31 })
      const anew = yield* FrozenEpochs.run(subject, { ...plan, budgetBytes: 0 })
      whole.push(anew.seconds / kept.seconds)
      kept.epochs.slice(1).forEach((seconds, at) => later.push(anew.epochs[at + 1]! / seconds))
      notes.push(`cached ${secondsOf(kept)}; anew ${secondsOf(anew)}`)
    }
    return {
      notes,
      ratios: [
        { against: "the same without the cache", runs: rounds, ...Timed.spread(whole) },
        { against: "epochs without the cache, from the second on", runs: later.length, ...Timed.spread(later) },
      ],
    } satisfies Report
  }).pipe(Effect.provide(SessionProcess.layer({ threads }))),
}

const secondsOf = ({ seconds, epochs }: FrozenEpochs.Times): string =>
  `${seconds.toFixed(2)} s, epochs ${epochs.map((each) => each.toFixed(3)).join(" ")}`
