/** Five epochs with embeddings and three of six blocks frozen, what they give computed once: against PyTorch's same updates. */
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"
import type { Case, Report } from "../Case.ts"
import * as FrozenEpochs from "../FrozenEpochs.ts"
import * as PyTorch from "../PyTorch.ts"
import * as Timed from "../Timed.ts"
import { threads } from "../UpdateCase.ts"
import * as Workload from "../Workload.ts"

const workload = { ...Workload.miniLM, frozenGroups: 4 }
const plan = { workload, batches: 8, epochs: 5 }
const rounds = 3

export const halfFrozenEpochs6x384: Case = {
  name: "half-frozen/6x384/5 epochs",
  run: Effect.gen(function* () {
    const subject = Workload.make(workload)
    const torch = yield* PyTorch.open(workload, threads)
    const notes: Array<string> =
      torch === undefined ? [`pytorch: skipped, ${PyTorch.absent}`] : [PyTorch.note(workload)]
    const anew: Array<number> = []
    const theirs: Array<number> = []
    const later: Array<number> = []
    // PyTorch's first update is slower than those after it.
    if (torch !== undefined) yield* torch.once
    for (let round = 0; round < rounds; round++) {
      const { seconds: ours, epochs } = yield* FrozenEpochs.run(subject, { ...plan, budgetBytes: 2 ** 31 })
      const without = (yield* FrozenEpochs.run(subject, { ...plan, budgetBytes: 0 })).seconds
      anew.push(without / ours)
      notes.push(`cached ${ours.toFixed(2)} s, anew ${without.toFixed(2)} s`)
      if (torch === undefined) continue
      const torchEpochs: Array<number> = []
      for (let epoch = 0; epoch < plan.epochs; epoch++) {
        let seconds = 0
        for (let update = 0; update < plan.batches; update++) seconds += yield* torch.once
        torchEpochs.push(seconds)
      }
      const seconds = torchEpochs.reduce((sum, each) => sum + each, 0)
      theirs.push(seconds / ours)
      epochs.slice(1).forEach((each, at) => later.push(torchEpochs[at + 1]! / each))
      notes.push(`pytorch ${seconds.toFixed(2)} s`)
    }
    return {
      notes,
      ratios: [
        { against: "the same without the cache", runs: rounds, ...Timed.spread(anew) },
        ...(torch === undefined
          ? []
          : [
              { against: "pytorch", runs: rounds, ...Timed.spread(theirs) },
              { against: "pytorch, epochs from the second on", runs: later.length, ...Timed.spread(later) },
            ]),
      ],
    } satisfies Report
  }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer({ threads }))),
}
