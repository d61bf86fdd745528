/**
 * Encoding: what an encoder makes of examples, one vector an example, kept as Arrow columns. Nothing trains; classifiers
 * fitted on features are the baseline that training has to beat.
 */
import { createHash } from "node:crypto"
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { PipelineInvalid } from "@thaw/core/Errors"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as FeatureModel from "@thaw/models/FeatureModel"
import type * as Group from "@thaw/models/Group"
import * as Network from "@thaw/models/Network"
import * as Parameter from "@thaw/models/Parameter"
import * as Tokenizer from "@thaw/models/Tokenizer"
import { Sessions } from "@thaw/onnx/Session"
import { Effect, Schema } from "effect"
import * as Batch from "./Batch.ts"
import * as EncodedCorpus from "./EncodedCorpus.ts"
import * as Environment from "./Environment.ts"
import * as Features from "./Features.ts"
import * as Pattern from "./freeze/Pattern.ts"

/** Examples that go through the encoder at once. */
const examplesAtOnce = 64

export interface Choice {
  readonly groups: ReadonlyArray<Group.Group>
  readonly pooling: FeatureModel.Pooled
}

export interface Encoded {
  readonly origin: Features.Origin
  readonly vectors: Readonly<Record<Group.Group, Features.Matrix>>
}

/**
 * Vectors of texts, in their order. An example's vector does not depend on its company.
 *
 * @param done is told how many texts are encoded
 */
export const vectors = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
  { groups, pooling }: Choice,
  rows: Iterable<Dataset.Example>,
  done: (count: number) => Effect.Effect<void> = () => Effect.void,
) {
  const { config } = checkpoint
  const { scratch } = yield* Step.StepRun
  const tokenizer = yield* Checkpoint.tokenizer(checkpoint)
  const limit = { maxTokens: Checkpoint.maxTokens(checkpoint, tokenizer) }
  const { add, examples } = EncodedCorpus.collector({
    vocabularySize: tokenizer.vocabularySize,
    roles: {},
  })
  for (const row of rows) add(row.id, Tokenizer.encodeExample(tokenizer, row, limit), EncodedCorpus.nothing)
  const device = yield* (yield* Sessions).open
  const { weights } = yield* Checkpoint.onDisk(checkpoint, scratch)
  const names = Network.parameters(EncoderConfig.network(config)).map(({ name }) => name)
  yield* device.load(weights, Object.fromEntries(names.map((name) => [name, name])))
  const identity = {
    config: config.json,
    lora: config.lora,
    tokenizer: checkpoint.tokenizer,
    weights: yield* device.digest(names),
  }
  const encoder = createHash("sha256").update(Artifact.canonicalJson(identity)).digest("hex")

  const { graph, parameters } = FeatureModel.make(config, groups, pooling, Parameter.inputs())
  const session = yield* device.session(graph)
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  const { hidden } = config.dimensions
  const found = groups.map((group) => ({ group, data: new Float32Array(examples.length * hidden) }))
  const order = Batch.byLength(examples)
  for (let start = 0; start < order.length; start += examplesAtOnce) {
    const places = order.slice(start, start + examplesAtOnce)
    const together = places.map((place) => examples[place]!)
    // A product with a single row is another kernel of the runtime, which differs in the last bits: one example alone
    // goes with its double.
    const { feeds } = Batch.make(together.length === 1 ? [...together, ...together] : together, {}, tokenizer.padId)
    const outputs = yield* session.run({
      feeds: Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name))),
      resident: Object.fromEntries(parameters.map(({ name }) => [name, name])),
      fetch: groups.map(FeatureModel.outputOf),
    })
    for (const { group, data } of found) {
      const given = outputs[FeatureModel.outputOf(group)]!.data as Float32Array
      places.forEach((place, row) => data.set(given.subarray(row * hidden, (row + 1) * hidden), place * hidden))
    }
    yield* done(start + places.length)
  }
  return {
    origin: { encoder, pooling },
    vectors: Object.fromEntries(found.map(({ group, data }) => [group, { examples: examples.length, hidden, data }])),
  } satisfies Encoded
}, Effect.scoped)

const fields = {
  encoder: Checkpoint.Checkpoint,
  /** Patterns as in freeze plans, of the encoder's groups: `["block.-1"]`, the topmost, where absent; `["*"]` is all. */
  groups: Schema.optionalKey(Schema.NonEmptyArray(Schema.String)),
  pooling: Schema.Literals(["mean", "cls"]),
} as const

interface Given<D extends Dataset.Dataset> {
  readonly encoder: Checkpoint.Checkpoint
  readonly examples: D
  readonly groups?: ReadonlyArray<string>
  readonly pooling: FeatureModel.Pooled
}

const encode = Effect.fnUntraced(function* ({
  encoder,
  examples,
  groups = ["block.-1"],
  pooling,
}: Given<Dataset.Dataset>) {
  const { label: step } = yield* Step.StepRun
  const { emit } = yield* RunEvents
  const chosen = yield* Effect.try({
    try: () => Pattern.groups(groups, encoder.config.dimensions.blocks, [], step),
    catch: (error) => error as PipelineInvalid,
  })
  if (chosen.length === 0) {
    const expected = "patterns that leave a group of the encoder"
    return yield* new PipelineInvalid({ where: `${step}, groups`, expected, got: JSON.stringify(groups), advice: "" })
  }
  const rows = Dataset.rowsOf(examples)
  const { origin, vectors: found } = yield* vectors(encoder, { groups: chosen, pooling }, rows, (done) =>
    emit({ _tag: "progressed", step, done, of: Dataset.size(examples), unit: "examples" }),
  )
  return Features.make(examples, origin, found)
})

/** Features of training examples. */
export const trainFeatures = Step.make({
  name: "Encode.trainFeatures",
  version: "3",
  input: { ...fields, examples: Dataset.TrainExamples },
  output: Features.TrainFeatures,
  environment: Environment.sessions,
  // Features are of the part that their examples are of.
  run: (given) => Effect.map(encode(given), (features) => features as Features.TrainFeatures),
})

/** Features of held-out examples. */
export const heldOutFeatures = Step.make({
  name: "Encode.heldOutFeatures",
  version: "3",
  input: { ...fields, examples: Dataset.HeldOutExamples },
  output: Features.HeldOutFeatures,
  environment: Environment.sessions,
  run: (given) => Effect.map(encode(given), (features) => features as Features.HeldOutFeatures),
})

type TrainArguments = Parameters<typeof trainFeatures>[0] & { readonly examples: Wire.Wire<Dataset.TrainExamples> }
type HeldOutArguments = Parameters<typeof heldOutFeatures>[0] & {
  readonly examples: Wire.Wire<Dataset.HeldOutExamples>
}

interface FeaturesOf {
  (args: TrainArguments): Wire.Wire<Features.TrainFeatures>
  (args: HeldOutArguments): Wire.Wire<Features.HeldOutFeatures>
}

/**
 * `Encode.features({ encoder, examples: support.train, groups: ["*"], pooling: "mean" })`: the vectors that the chosen
 * groups give, one an example, as Arrow columns `features.<group>` [examples, hidden] beside id and labels. Texts beyond
 * the encoder's length are cut.
 *
 * The features are of the part that the wire's examples are of. Fails when a pattern matches no group of the encoder.
 */
export const features: FeaturesOf = (args: TrainArguments | HeldOutArguments): never => {
  const { call, output } = args.examples
  const held = Step.outputsOf(call.step)[output]?.kind === Dataset.HeldOutExamples.kind
  const wired = held ? heldOutFeatures(args as HeldOutArguments) : trainFeatures(args as TrainArguments)
  // One of the two results that the overloads name; which one follows from the wire's kind.
  return wired as never
}
