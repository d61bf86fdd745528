/** A small training loop around a boundary, so that what crosses it can be watched. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RunEvents } from "@thaw/core/RunEvent"
import type { RunEvent } from "@thaw/core/RunEvent"
import * as Seed from "@thaw/core/Seed"
import * as AdamW from "@thaw/models/AdamW"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import type { Dimensions } from "@thaw/models/Dimensions"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import type * as Group from "@thaw/models/Group"
import * as Parameter from "@thaw/models/Parameter"
import * as TrainingModel from "@thaw/models/TrainingModel"
import { Sessions } from "@thaw/onnx/Session"
import type { Tensor } from "@thaw/onnx/Tensor"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Batch from "@thaw/steps/Batch"
import * as Boundary from "@thaw/steps/training/Boundary"
import * as Updates from "@thaw/steps/training/Updates"
import { Effect, Layer } from "effect"
import { afterAll } from "vitest"

const root = mkdtempSync(join(tmpdir(), "thaw-boundary-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** An empty folder for a cache. */
export const emptyFolder = (): string => mkdtempSync(join(root, "cache-"))

const labels = ["a", "b", "c"]
export const heads = {
  first: { kind: "classification", pooling: "cls", labels },
  mean: { kind: "classification", pooling: "mean", labels },
  tags: { kind: "tokenClassification", labels },
} as const satisfies Readonly<Record<string, Checkpoint.Head>>

export type Family = keyof typeof EncoderConfig.families

/** What single families' dimensions say besides. */
const own: Partial<Record<Family, Partial<Dimensions>>> = {
  electra: { embedding: 12 },
  modernbert: {
    rotary: {
      layerTypes: ["full_attention", "sliding_attention"],
      thetas: { full_attention: 160_000, sliding_attention: 10_000 },
      reach: 3,
    },
  },
  mpnet: { firstPosition: 2 },
  roberta: { firstPosition: 2, types: 1 },
}

export const seed = Seed.make(7, "boundary")
const families = EncoderConfig.families
export const configOf = (family: Family, hidden: number) =>
  EncoderConfig.make(families[family], {
    blocks: 2,
    hidden,
    heads: 2,
    headSize: hidden / 2,
    intermediate: 32,
    vocab: 50,
    positions: 160,
    types: family === "bert" || family === "electra" ? 2 : 0,
    activation: "gelu",
    epsilon: 1e-12,
    initializerRange: 0.3,
    ...own[family],
  })

/** Examples of 3 to `most` tokens, labelled for every head. */
export const examplesOf = (count: number, name = "examples", most = 20): ReadonlyArray<Batch.EncodedExample> => {
  const stream = Seed.stream(seed, name)
  return Array.from({ length: count }, (_, at) => {
    const length = 3 + stream.int(most - 2)
    const ids = Int32Array.from({ length }, () => 1 + stream.int(49))
    return {
      id: `${name}${at}`,
      encoding: {
        ids,
        typeIds: ids.map((_id, place) => (place * 2 > length ? 1 : 0)),
        words: ids.map((_id, place) => place),
      },
      classes: { first: stream.int(3), mean: stream.int(3) },
      tags: { tags: Array.from({ length }, () => stream.int(3)) },
    }
  })
}

/** Sessions in processes of their own that tell `ran` the name of every graph that is run. */
export const sessionsOf = (
  threads: number,
  environment: Readonly<Record<string, string>> | undefined,
  ran: (graph: string) => void,
) =>
  Layer.effect(
    Sessions,
    Effect.map(Sessions, (sessions) => ({
      environment: environment === undefined ? sessions.environment : Effect.succeed(environment),
      open: Effect.map(sessions.open, (device) => ({
        ...device,
        session: (graph: Parameters<typeof device.session>[0]) =>
          Effect.map(device.session(graph), ({ run }) => ({
            run: (request: Parameters<typeof run>[0]) => {
              ran(graph.name)
              return run(request)
            },
          })),
      })),
    })),
  ).pipe(Layer.provide(SessionProcess.layer({ threads })))

export interface Given {
  readonly family?: Family
  readonly hidden?: number
  readonly trainable: ReadonlyArray<Group.Group>
  readonly tasks: ReadonlyArray<keyof typeof heads>
  readonly examples?: ReadonlyArray<Batch.EncodedExample>
  readonly draws?: number
  readonly budgetBytes?: number
  readonly precision?: "fp32" | "fp16"
  readonly cache: string
  /** Another seed is other weights. */
  readonly weights?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly threads?: number
  readonly updates?: number
  /** Between the opening of the boundary and the first update. */
  readonly opened?: () => void
}

export interface Trained {
  readonly losses: ReadonlyArray<number>
  readonly weights: Readonly<Record<string, Tensor>>
  readonly report: Boundary.Boundary["report"]
  /** How often the frozen part was run. */
  readonly prefixRuns: number
  readonly notices: ReadonlyArray<string>
  readonly events: ReadonlyArray<RunEvent>
  /** Losses of the first batch: with what is kept, and unrounded. */
  readonly unrounded: number | undefined
}

const small = examplesOf(40)

export const train = (given: Given): Promise<Trained> => {
  const events: Array<RunEvent> = []
  let prefixRuns = 0
  const counting = sessionsOf(given.threads ?? 1, given.environment, (graph) => {
    if (graph.startsWith("below")) prefixRuns++
  })
  const observer = Layer.succeed(RunEvents, { emit: (event) => Effect.sync(() => void events.push(event)) })
  const examples = given.examples ?? small
  return Effect.gen(function* () {
    const wanted = Object.fromEntries(given.tasks.map((task) => [task, heads[task]]))
    const plan = {
      config: configOf(given.family ?? "bert", given.hidden ?? 16),
      heads,
      trainable: given.trainable,
      optimizer: AdamW.make(),
      maxGradientNorm: 1,
    }
    const numbers = (parameters: ReadonlyArray<Parameter.Parameter>) =>
      Object.fromEntries(
        parameters.map((each) => [each.name, Parameter.initialise(each, Seed.derive(seed, given.weights ?? "one"))]),
      )
    const model = TrainingModel.make({ ...plan, frozen: numbers(TrainingModel.frozenParameters(plan)) })
    const device = yield* (yield* Sessions).open
    yield* device.put({ ...numbers(model.parameters), ...TrainingModel.freshMoments(AdamW.make(), model.parameters) })
    const scratch = mkdtempSync(join(root, "scratch-"))
    const boundary = yield* Boundary.open({
      device,
      model,
      dimensions: plan.config.dimensions,
      padId: 0,
      corpora: [{ examples, draws: given.draws ?? 100 }],
      cache: { budgetBytes: given.budgetBytes ?? 2 ** 30, precision: given.precision ?? "fp32" },
      folders: { cache: given.cache, scratch },
      label: "phase",
    })
    given.opened?.()
    const updates = yield* Updates.open(device, model, boundary.inputs)
    const stream = Seed.stream(seed, "draws")
    const losses: Array<number> = []
    let unrounded: number | undefined
    for (let count = 1; count <= (given.updates ?? 8); count++) {
      const drawn = Array.from({ length: 6 }, () => examples[stream.int(examples.length)]!)
      const { feeds, tasks } = Batch.make(drawn, wanted, 0)
      const rates = (groups: ReadonlyArray<Group.Group>) =>
        TrainingModel.rates(
          { optimizer: AdamW.make() },
          groups.map((group) => ({ group, learningRate: 1e-2, count })),
        )
      const batch = { rows: drawn, feeds, tasks }
      const counts = Object.fromEntries(tasks.map((task) => [task, 1]))
      if (count === 1 && boundary.exact !== undefined)
        unrounded = yield* updates.loss(batch, rates, counts, boundary.exact)
      losses.push((yield* updates.apply([batch], rates, counts)).loss)
    }
    return {
      losses,
      weights: yield* device.take(model.parameters.map(({ name }) => name)),
      report: boundary.report,
      prefixRuns,
      notices: events.flatMap((event) => (event._tag === "noticed" ? [event.message] : [])),
      events,
      unrounded,
    }
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(counting, observer)), Effect.runPromise)
}
