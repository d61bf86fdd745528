/** The golden runs of test/fixtures/balance/make.py, and the same runs through Thaw's graphs and balancers. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Seed from "@thaw/core/Seed"
import * as AdamW from "@thaw/models/AdamW"
import type * as Group from "@thaw/models/Group"
import * as Separation from "@thaw/models/Separation"
import * as TrainingModel from "@thaw/models/TrainingModel"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import type * as Balance from "@thaw/steps/Balance"
import * as Balancing from "@thaw/steps/training/Balancing"
import * as Progress from "@thaw/steps/training/Progress"
import * as Updates from "@thaw/steps/training/Updates"
import { Effect } from "effect"
import * as Golden from "../../models/golden.ts"

type PerTask = Readonly<Record<string, number>>

export interface Figures {
  readonly losses: PerTask
  readonly weights: PerTask
  /** Of the raw losses below the heads, where gradients are combined. */
  readonly norms?: PerTask
  readonly cosine?: number
}

interface GoldenRuns {
  readonly learningRate: number
  readonly weightDecay: number
  readonly maxGradientNorm: number
  readonly fixed: PerTask
  readonly runs: Readonly<Record<Exclude<Balance.Balance["_tag"], "targets" | "custom">, ReadonlyArray<Figures>>>
}

/** A file of the fixtures. */
export const read = (name: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../fixtures/balance/${name}.json`), "utf8"))

export const golden = read("runs") as GoldenRuns

const trainable = ["embeddings", "block.0", "block.1", "head.entities", "head.topic"]
const tasks = ["entities", "topic"]

export interface Trained {
  readonly updates: ReadonlyArray<Figures>
  /** State of the balancer and all that goes with it. */
  readonly progress: Progress.Progress
}

/** The rows of a batch in micro-batches of so many. */
const cut = (batch: Readonly<Record<string, Tensor.Tensor>>, size: number) => {
  const rows = batch["input_ids"]!.shape[0]!
  return Array.from({ length: rows / size }, (_, part) =>
    Object.fromEntries(
      Object.entries(batch).map(([name, tensor]) => {
        const width = Tensor.elements(tensor.shape.slice(1))
        const numbers = Tensor.numbers(tensor).slice(part * size * width, (part + 1) * size * width)
        return [name, Tensor.int32([size, ...tensor.shape.slice(1)], numbers)]
      }),
    ),
  )
}

const labelled = (feeds: Readonly<Record<string, Tensor.Tensor>>) =>
  tasks.filter((task) => Tensor.numbers(feeds[`labels.${task}`]!).some((label) => label >= 0))

/** The golden run of a balancer in a process of its own. @param microBatch rows of a micro-batch; all in one unless given */
export const train = (balance: Balance.Balance, microBatch = 32): Promise<Trained> =>
  Effect.gen(function* () {
    const { learningRate, weightDecay, maxGradientNorm, fixed } = golden
    const initial = yield* Effect.promise(() => Golden.weightsOf("bert", "initial"))
    const batches = yield* Effect.promise(() => Golden.batchesOf("bert", "accumulation.batches"))
    const plan = {
      config: Golden.configOf("bert"),
      heads: Golden.heads,
      trainable,
      optimizer: AdamW.make({ weightDecay }),
      maxGradientNorm,
      frozen: {},
    }
    const model = TrainingModel.make(plan)
    const device = yield* (yield* Sessions).open
    const zeros = Separation.sums(model.parameters, tasks).map(
      ({ name, shape }) => [name, Tensor.float32(shape, new Float32Array(Tensor.elements(shape)))] as const,
    )
    yield* device.put({
      ...Object.fromEntries(model.parameters.map(({ name }) => [name, initial[name]!])),
      ...TrainingModel.freshMoments(AdamW.make(), model.parameters),
      ...TrainingModel.freshAccumulators(model.parameters),
      ...Object.fromEntries(zeros),
    })
    const updates = yield* Updates.open(device, model, (_, feeds) => Effect.succeed({ feeds, resident: {} }))
    const balancing = yield* Balancing.open({
      settings: { balance, weights: fixed },
      world: {
        tasks,
        guessing: { topic: Math.log(3), entities: Math.log(5) },
        perEpoch: 8,
        total: 24,
        seed: Seed.make(1),
        where: "golden",
      },
      kinds: { topic: "classification", entities: "tokenClassification" },
      trainable,
      latest: undefined,
    })
    const figures: Array<Figures> = []
    let progress: Progress.Progress = { ...Progress.start({}, {}, []), balance: balancing.start! }
    for (let at = 0; at < 24; at++) {
      const parts = cut(batches[at % batches.length]!, microBatch).map((feeds) => {
        const own = labelled(feeds)
        const wanted = Object.entries(feeds).filter(
          ([name]) => !name.startsWith("labels.") || own.some((task) => name === `labels.${task}`),
        )
        return { rows: [], feeds: Object.fromEntries(wanted), tasks: own }
      })
      const weights = balancing.weights(progress)
      const rates = (groups: ReadonlyArray<Group.Group>) =>
        TrainingModel.rates(
          plan,
          groups.map((group) => ({ group, learningRate, count: at + 1 })),
        )
      let grams: Updates.Grams | undefined
      const { gradients } = balancing
      const { losses } =
        gradients === undefined
          ? yield* updates.apply(parts, rates, weights)
          : yield* updates.combine(parts, rates, gradients.groups, (found) => {
              grams = found
              return gradients.combine(progress, found)
            })
      figures.push({ losses, weights, ...(grams === undefined ? {} : told(grams)) })
      progress = balancing.updated({ ...progress, update: at + 1 }, losses, grams)
    }
    return { updates: figures, progress }
  }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer({ threads: 1 })), Effect.runPromise)

/** Norms and cosine over all groups that were looked at. */
const told = ({ groups }: Updates.Grams) => {
  const sum = (i: number, j: number) => Object.values(groups).reduce((all, products) => all + products[i]![j]!, 0)
  const norms = tasks.map((_, at) => Math.sqrt(sum(at, at)))
  return {
    norms: Object.fromEntries(tasks.map((task, at) => [task, norms[at]!])),
    cosine: sum(0, 1) / (norms[0]! * norms[1]!),
  }
}
