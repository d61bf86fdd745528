/**
 * Epochs of a phase with a frozen bottom, from the opening of the boundary to the last update: what is frozen is computed
 * once for every example, or anew for every batch. Evaluation is no part of it.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Seed from "@thaw/core/Seed"
import { Sessions } from "@thaw/onnx/Session"
import type * as Tensor from "@thaw/onnx/Tensor"
import * as Batch from "@thaw/steps/Batch"
import * as Boundary from "@thaw/steps/training/Boundary"
import * as Updates from "@thaw/steps/training/Updates"
import { Effect } from "effect"
import * as Timed from "./Timed.ts"
import * as Workload from "./Workload.ts"

export interface Options {
  readonly workload: Workload.Workload
  /** Batches of an epoch. */
  readonly batches: number
  readonly epochs: number
  readonly budgetBytes: number
}

export interface Times {
  readonly seconds: number
  /** Of each epoch; what comes before the first update belongs to none. */
  readonly epochs: ReadonlyArray<number>
  /** The most memory that the session process had. */
  readonly peakBytes: number
}

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "thaw-bench-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
)

/** Runs all epochs on a device of its own, with an empty cache. */
export const run = Effect.fnUntraced(
  function* (subject: Workload.Subject, options: Options) {
    const { workload, epochs, budgetBytes } = options
    const { hidden, heads: headCount } = workload
    const examples = examplesOf(subject, options)
    const device = yield* (yield* Sessions).open
    for (const [name, tensor] of Object.entries({ ...frozenOf(subject), ...subject.state })) {
      yield* device.put({ [name]: tensor })
    }
    const path = yield* folder
    const heads = Workload.heads
    const shuffle = Seed.stream(Seed.make(7, "bench"), "epochs")
    const times: Array<number> = []
    let at = 0
    const { seconds } = yield* Timed.timed(
      Effect.gen(function* () {
        const boundary = yield* Boundary.open({
          device,
          model: subject.model,
          dimensions: { hidden, headSize: hidden / headCount },
          padId: 0,
          corpora: [{ examples, draws: epochs * examples.length }],
          cache: { budgetBytes, precision: "fp32" },
          folders: { cache: path, scratch: path },
          label: "bench",
        })
        const updates = yield* Updates.open(device, subject.model, boundary.inputs)
        for (let epoch = 0; epoch < epochs; epoch++) {
          const order = shuffle.shuffle(examples)
          const once = Effect.gen(function* () {
            for (let first = 0; first < order.length; first += workload.batch) {
              const drawn = order.slice(first, first + workload.batch)
              const made = Batch.make(drawn, heads, 0)
              const rates = subject.rates(at++)
              yield* updates.apply([{ rows: drawn, ...made }], () => rates, {})
            }
          })
          times.push(yield* Timed.secondsOf(once))
        }
      }),
    )
    return { seconds, epochs: times, peakBytes: yield* device.peakBytes } satisfies Times
  },
  Effect.scoped,
  Effect.provideService(RunEvents, { emit: () => Effect.void }),
)

/** Frozen weights, which a phase holds for evaluation too. */
const frozenOf = ({ model, update }: Workload.Subject): Readonly<Record<string, Tensor.Tensor>> =>
  Object.fromEntries(
    [...(model.prefix?.initializers ?? []), ...update.graph.initializers].flatMap(({ name, tensor, anonymous }) =>
      anonymous ? [] : [[name, tensor] as const],
    ),
  )

/** The examples of the workload's first batches. */
const examplesOf = (subject: Workload.Subject, { workload, batches }: Options): ReadonlyArray<Batch.EncodedExample> =>
  Array.from({ length: batches }, (_, at) => at).flatMap((at) => {
    const feeds = subject.batch(at)
    const ids = feeds["input_ids"]!.data as Int32Array
    const [name, labels] = Object.entries(feeds).find(([each]) => each.startsWith("labels."))!
    return Array.from({ length: workload.batch }, (_, row) => {
      const own = ids.slice(row * workload.tokens, (row + 1) * workload.tokens)
      return {
        id: `${at}.${row}`,
        encoding: { ids: own, typeIds: own.map(() => 0), words: own.map((_id, word) => word) },
        classes: { [name.slice("labels.".length)]: Number(labels.data[row]) },
        tags: {},
      }
    })
  })
