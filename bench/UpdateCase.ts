/** Thaw's update against the replay floor and PyTorch. */
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"
import type { Case, Report } from "./Case.ts"
import * as PyTorch from "./PyTorch.ts"
import * as ReplayFloor from "./ReplayFloor.ts"
import * as ThawUpdate from "./ThawUpdate.ts"
import * as Timed from "./Timed.ts"
import * as Workload from "./Workload.ts"

export interface Options {
  readonly name: string
  readonly workload: Workload.Workload
  readonly rounds: number
}

/** Both PyTorch and Thaw get this many threads, whatever they would choose themselves. */
export const threads = 2

export const make = ({ name, workload, rounds }: Options): Case => ({
  name,
  run: Effect.gen(function* () {
    const subject = Workload.make(workload)
    const { model, update } = subject
    const graphs = model.prefix === undefined ? [update.graph] : [model.prefix, update.graph]
    const products = ReplayFloor.products(graphs, { batch: workload.batch, tokens: workload.tokens })
    const thaw = yield* Effect.provide(ThawUpdate.open(subject), SessionProcess.layer({ threads }))
    const floor = yield* Effect.provide(
      ReplayFloor.open(products),
      SessionProcess.layer({ threads, graphOptimizationLevel: "disabled" }),
    )
    const torch = yield* PyTorch.open(workload, threads)
    const others = torch === undefined ? [floor] : [floor, torch]
    const [ours, ...theirs] = yield* Timed.interleaved([thaw.contender, ...others], rounds)
    const [trips] = yield* Timed.interleaved([thaw.roundTrip], 20)
    return {
      notes: [
        `${products.count} products, ${products.flops.toLocaleString("en-US")} FLOP an update`,
        ...[thaw.contender, ...others].map(({ name: contender }, index) => {
          const seconds = Timed.spread([ours!, ...theirs][index]!)
          return `${contender}: ${milliseconds(seconds)}, ${(products.flops / seconds.median / 1e9).toFixed(0)} GFLOP/s`
        }),
        `graph of ${update.graph.nodes.length} nodes, session created in ${thaw.creationSeconds.toFixed(2)} s`,
        `round trip to the session process: ${milliseconds(Timed.spread(trips!))}`,
        ...(torch === undefined ? [`pytorch: skipped, ${PyTorch.absent}`] : [PyTorch.note(workload)]),
      ],
      ratios: others.map((other, index) => ({
        against: other.name,
        runs: rounds,
        ...Timed.spread(ours!.map((seconds, round) => theirs[index]![round]! / seconds)),
      })),
    } satisfies Report
  }).pipe(Effect.scoped),
})

const milliseconds = ({ median, min, max }: Timed.Spread): string =>
  `${(median * 1e3).toFixed(1)} ms (${(min * 1e3).toFixed(1)} to ${(max * 1e3).toFixed(1)})`
