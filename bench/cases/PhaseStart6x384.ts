/**
 * Starting a phase on an encoder of MiniLM's size, from the start of its step run to its first update on two short
 * examples: reading the checkpoint, a process of its own, weights and moments on the device, graphs and sessions. Against
 * two seconds.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import * as Driver from "@thaw/core/Driver"
import * as Journal from "@thaw/core/Journal"
import * as Pipeline from "@thaw/core/Pipeline"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import * as Checkpoint from "@thaw/models/Checkpoint"
import { Bert } from "@thaw/models/encoders/Bert"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Forecast from "@thaw/models/Forecast"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Network from "@thaw/models/Network"
import * as Parameter from "@thaw/models/Parameter"
import * as WordPieceTrainer from "@thaw/models/WordPieceTrainer"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as LocalRunner from "@thaw/runners/LocalRunner"
import * as Freeze from "@thaw/steps/Freeze"
import * as Split from "@thaw/steps/Split"
import * as Train from "@thaw/steps/Train"
import { Clock, Effect, Layer } from "effect"
import type { Case, Ratio } from "../Case.ts"
import * as Timed from "../Timed.ts"
import { threads } from "../UpdateCase.ts"
import * as Workload from "../Workload.ts"

const texts = Array.from({ length: 32 }, (_, at) => `${at % 2 === 0 ? "the good" : "a bad"} example number ${at}`)

const examples = Step.make({
  name: "bench.examples",
  version: "1",
  input: {},
  output: Dataset.Examples,
  run: () =>
    Dataset.examples(
      texts.map((text, at) => ({
        id: `${at}`,
        origin: `${at}`,
        text,
        labels: { topic: at % 2 === 0 ? "good" : "bad" },
        tags: {},
      })),
      { labels: ["topic"], tags: [] },
    ),
})

const config = EncoderConfig.make(Bert, Workload.dimensions({ ...Workload.miniLM, frozenGroups: 0 }))

const encoder = Step.make({
  name: "bench.encoder",
  version: "1",
  input: {},
  output: Checkpoint.Checkpoint,
  forecast: () => Forecast.make(config),
  run: Effect.fnUntraced(function* () {
    const parameters = Network.parameters(EncoderConfig.network(config))
    const weights = parameters.map((each) => [each.name, Parameter.initialise(each, Workload.seed)])
    return {
      config,
      tokenizer: { json: yield* WordPieceTrainer.train(texts, { vocabularySize: 100 }), config: undefined },
      heads: {},
      weights: Artifact.bytes(Safetensors.encode(Object.fromEntries(weights))),
      moments: undefined,
      training: { updates: {}, history: [] },
    }
  }),
})

/** What the phases train, in their order; every phase makes one update. */
const phases = ["heads", "block.5", "embeddings"] as const
const plan = Freeze.phases([
  { train: ["heads"], updates: 1 },
  { train: ["heads", "block.5"], updates: 1 },
  { train: ["heads", "block.*", "embeddings"], updates: 1 },
])

const outputs = () => {
  const { train, validation } = Split.stratified({ examples: examples({}), validation: 0.2, test: 0 })
  const tasks = { topic: { head: Head.classification(), train, validation } }
  const learningRate = LearningRate.constant(Workload.learningRate)
  return { trained: Train.multiTask({ encoder: encoder({}), tasks, freeze: plan, learningRate, batch: 2 }) }
}

/** Seconds from each phase's start to its first update. */
const starts = Effect.fnUntraced(function* () {
  const home = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "thaw-bench-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
  )
  const begun = new Map<string, number>()
  const seconds: Array<number> = []
  const watching = Layer.succeed(RunEvents, {
    emit: (event) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (event._tag === "stepStarted") begun.set(event.step, now)
        if (event._tag === "update") seconds.push((now - begun.get(event.step)!) / 1000)
      }),
  })
  const kept = Layer.merge(ArtifactStore.folder(home), Journal.folder(home))
  const world = Layer.provideMerge(LocalRunner.layer({ threads }), Layer.merge(watching, kept))
  const drive = Effect.gen(function* () {
    const pipeline = Pipeline.make("bench", { seed: 7, outputs: outputs() })
    const start = { pipeline: "bench", file: "bench.ts", seed: 7, arguments: {}, versions: {}, machine: {} }
    const handle = yield* (yield* Journal.Journal).begin(start)
    const setting = { folder: home, seed: 7, pipeline: "bench", code: "say", run: handle.id } as const
    yield* Driver.run(Dag.make(pipeline, {}, home), setting, handle)
  })
  yield* drive.pipe(Effect.scoped, Effect.provide(world))
  return seconds
}, Effect.scoped)

const bound = 2
const rounds = 3

export const phaseStart6x384: Case = {
  name: "phase-start/6x384",
  run: Effect.gen(function* () {
    const seconds: Array<ReadonlyArray<number>> = []
    for (let round = 0; round < rounds; round++) seconds.push(yield* starts())
    return {
      notes: phases.map(
        (lowest, at) => `down to ${lowest}: ${seconds.map((each) => each[at]!.toFixed(2)).join(", ")} s`,
      ),
      ratios: phases.map((lowest, at): Ratio => ({
        against: `${bound} s, down to ${lowest}`,
        runs: rounds,
        ...Timed.spread(seconds.map((each) => bound / each[at]!)),
      })),
    }
  }),
}
