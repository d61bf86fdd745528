/**
 * Steps that begin a pipeline's network: an encoder from a folder or a hub, a new one with a tokenizer of its own, or one
 * like a given one that has learnt nothing yet.
 */
import { readFileSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { SourceUnreadable } from "@thaw/core/Errors"
import * as Seed from "@thaw/core/Seed"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Effect, Schema } from "effect"
import * as Checkpoint from "./Checkpoint.ts"
import * as ConfigJson from "./ConfigJson.ts"
import type { Dimensions } from "./Dimensions.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import type { EncoderInvalid } from "./Errors.ts"
import * as EncoderFolder from "./EncoderFolder.ts"
import * as Forecast from "./Forecast.ts"
import * as HubEncoder from "./HubEncoder.ts"
import { Bert } from "./encoders/Bert.ts"
import * as Network from "./Network.ts"
import * as Parameter from "./Parameter.ts"
import * as Tokenizer from "./Tokenizer.ts"
import * as WordPieceTrainer from "./WordPieceTrainer.ts"

const untrained = { updates: {}, history: [] }

/**
 * An encoder from a folder in upstream's layout: `config.json`, weights (see `WeightFiles`), and `tokenizer.json` or
 * `vocab.txt`. A pooler and the head for hidden tokens are kept for new heads to start from.
 *
 * With `task` the folder's head comes along as that task's, trained as it is: one of transformers' classes for sequence or
 * token classification, such as `tasks/<task>` of `Export.huggingFace` or a fine-tuned model of the world's. Without it a
 * head is left behind.
 */
export const fromFolder = Step.make({
  name: "Encoder.fromFolder",
  version: "2",
  input: { path: Source.folder, task: Schema.optionalKey(Schema.String) },
  output: Checkpoint.Checkpoint,
  forecast: ({ sources: { path }, parameters }) =>
    EncoderFolder.forecast(
      readFileSync(join(path!.path, "config.json"), "utf8"),
      path!.written,
      parameters["task"] as string | undefined,
    ),
  run: Effect.fnUntraced(function* ({ path: folder, task }) {
    const names = yield* Effect.tryPromise({
      try: () => readdir(folder.path),
      catch: (cause) =>
        new SourceUnreadable({
          where: folder.written,
          expected: "a folder with an encoder",
          got: String(cause),
          advice: "",
        }),
    })
    return yield* EncoderFolder.read(folder, names, task)
  }),
})

/**
 * A checkpoint with all its heads from its folder: what `Export.checkpoint` wrote, or another pipeline's output in
 * `.thaw/outputs`.
 */
export const fromCheckpoint = Step.make({
  name: "Encoder.fromCheckpoint",
  version: "1",
  input: { path: Source.folder },
  output: Checkpoint.Checkpoint,
  forecast: ({ sources: { path } }) =>
    Checkpoint.forecast((name) => readFileSync(join(path!.path, name), "utf8"), path!.written),
  run: ({ path: folder }) => EncoderFolder.readCheckpoint(folder),
})

/**
 * `Encoder.fromHub("sentence-transformers/all-MiniLM-L6-v2", { revision: "main" })`: an encoder from a Hugging Face hub.
 * Only the files that `fromFolder` reads are fetched, and checked; with `task` the head comes along as there. `revision` is a branch, a tag or a commit, `main`
 * unless given; the commit it stands for decides what is kept (see `@thaw/hub/Revision`).
 */
export const fromHub = (
  repository: string,
  { revision, ...task }: { readonly revision?: string; readonly task?: string } = {},
) => {
  const address = repository.startsWith("hf://") ? repository : `hf://${repository}`
  return HubEncoder.fromHub({ from: revision === undefined ? address : `${address}@${revision}`, ...task })
}

/** Every parameter as new, each from a random stream of its own name. */
const initialWeights = (config: EncoderConfig.EncoderConfig, seed: Seed.Seed): Artifact.Content => {
  const parameters = Network.parameters(EncoderConfig.network(config))
  return Artifact.bytes(
    Safetensors.encode(
      Object.fromEntries(parameters.map((parameter) => [parameter.name, Parameter.initialise(parameter, seed)])),
    ),
  )
}

/** What an author says of a new encoder. */
interface Shape {
  readonly blocks: number
  readonly hidden: number
  readonly heads: number
  readonly intermediate?: number
  readonly maxTokens?: number
  readonly initializerRange?: number
}

const positionsOf = ({ maxTokens }: Shape): number => maxTokens ?? 128

const newDimensions = (shape: Shape, vocab: number): Effect.Effect<Dimensions, EncoderInvalid> =>
  ConfigJson.dimensions("Encoder.fromScratch", {
    blocks: shape.blocks,
    hidden: shape.hidden,
    heads: shape.heads,
    intermediate: shape.intermediate ?? 4 * shape.hidden,
    vocab,
    positions: positionsOf(shape),
    types: 2,
    activation: "gelu",
    epsilon: 1e-12,
    initializerRange: shape.initializerRange ?? 0.02,
  })

/** What a vocabulary is trained on: all texts of a pair. */
function* textsOf(corpus: Dataset.Dataset): Generator<string, void, void> {
  for (const row of Dataset.rowsOf(corpus)) {
    yield Dataset.textOf(row)
    if (row.pair !== undefined) yield row.pair
    if (row.negative !== undefined) yield row.negative
  }
}

/**
 * A new BERT with random weights and a WordPiece vocabulary trained on the corpus. `intermediate` is 4 · hidden and
 * `maxTokens` 128 unless given. Weights are normal with a standard deviation of `initializerRange`, 0.02 unless given:
 * upstream's convention, which was found for a hidden size of 768. With 256 it leaves a new network so near the identity
 * that pre-training is slow to begin with: 0.02 · √(768 / hidden) keeps what one block adds to the next the same.
 */
export const fromScratch = Step.make({
  name: "Encoder.fromScratch",
  version: "1",
  input: {
    corpus: Dataset.TrainExamples,
    vocabularySize: ConfigJson.Count,
    blocks: ConfigJson.Count,
    hidden: ConfigJson.Count,
    heads: ConfigJson.Count,
    intermediate: Schema.optionalKey(ConfigJson.Count),
    maxTokens: Schema.optionalKey(ConfigJson.Count),
    initializerRange: Schema.optionalKey(Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThan(1))),
    seed: Seed.fromRun,
  },
  output: Checkpoint.Checkpoint,
  forecast: ({ parameters }) => {
    const shape = parameters as unknown as Shape & { readonly vocabularySize: number }
    const dimensions = Effect.runSync(newDimensions(shape, shape.vocabularySize))
    return Forecast.make(EncoderConfig.make(Bert, dimensions), {
      guessed: { vocab: "Encoder.fromScratch, which may find fewer words in its corpus" },
    })
  },
  run: Effect.fnUntraced(function* ({ corpus, vocabularySize, seed, ...shape }) {
    const json = yield* WordPieceTrainer.train(textsOf(corpus), { vocabularySize })
    const positions = positionsOf(shape)
    const settings = {
      do_lower_case: true,
      model_max_length: positions,
      pad_token: "[PAD]",
      tokenizer_class: "BertTokenizer",
    }
    const config = `${JSON.stringify(settings, undefined, 2)}\n`
    const tokenizer = yield* Tokenizer.fromJson(json, config, "the trained tokenizer")
    const dimensions = yield* newDimensions(shape, tokenizer.vocabularySize)
    const encoder = EncoderConfig.make(Bert, dimensions)
    return {
      config: encoder,
      tokenizer: { json, config },
      heads: {},
      weights: initialWeights(encoder, seed),
      moments: undefined,
      training: untrained,
    }
  }),
})

/**
 * `Encoder.reinitialised({ encoder, seed: 1 })`: the config and the tokenizer of an encoder with random weights, drawn as
 * its family draws those of a new one. What an encoder knows is what it has beyond this. Heads, a pooler and adapters are
 * left behind.
 */
export const reinitialised = Step.make({
  name: "Encoder.reinitialised",
  version: "1",
  input: { encoder: Checkpoint.Checkpoint, seed: Seed.fromRun },
  output: Checkpoint.Checkpoint,
  forecast: ({ inputs: { encoder } }) =>
    Forecast.is(encoder) ? Forecast.make(Forecast.merged(encoder).config, { guessed: encoder.guessed }) : undefined,
  run: ({ encoder, seed }) => {
    const { lora: _, ...config } = encoder.config
    return {
      config,
      tokenizer: encoder.tokenizer,
      heads: {},
      weights: initialWeights(config, seed),
      moments: undefined,
      training: untrained,
    }
  },
})
