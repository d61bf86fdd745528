/** Steps that begin a pipeline's network: an encoder from a folder, or a new one with a tokenizer of its own. */
import { readFileSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { SourceUnreadable } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Seed from "@thaw/core/Seed"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Effect, Schema } from "effect"
import * as BertNormalizer from "./BertNormalizer.ts"
import * as Checkpoint from "./Checkpoint.ts"
import * as ConfigJson from "./ConfigJson.ts"
import type { Dimensions } from "./Dimensions.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import type { EncoderInvalid } from "./Errors.ts"
import * as Forecast from "./Forecast.ts"
import { Bert } from "./encoders/Bert.ts"
import * as Network from "./Network.ts"
import * as Parameter from "./Parameter.ts"
import * as Tokenizer from "./Tokenizer.ts"
import * as UpstreamWeights from "./UpstreamWeights.ts"
import * as WordPiece from "./WordPiece.ts"
import * as WordPieceTrainer from "./WordPieceTrainer.ts"

const untrained = { updates: {}, history: [] }

/** A text file of the folder; undefined when it is not there. */
const readOptional = (folder: Source.Located, names: ReadonlyArray<string>, name: string) =>
  !names.includes(name)
    ? Effect.succeed(undefined)
    : Effect.tryPromise({
        try: () => readFile(join(folder.path, name), "utf8"),
        catch: (cause) => unreadable(`${folder.written}/${name}`, "a readable file", String(cause)),
      })

const unreadable = (where: string, expected: string, got: string, advice = "") =>
  new SourceUnreadable({ where, expected, got, advice })

/** Reads `tokenizer.json`, or makes one from the `vocab.txt` of an old folder. */
const readTokenizer = Effect.fnUntraced(function* (folder: Source.Located, names: ReadonlyArray<string>) {
  const config = yield* readOptional(folder, names, "tokenizer_config.json")
  const json = yield* readOptional(folder, names, "tokenizer.json")
  if (json !== undefined) return { json, config }
  const vocabulary = yield* readOptional(folder, names, "vocab.txt")
  if (vocabulary === undefined) {
    return yield* unreadable(
      folder.written,
      "a tokenizer.json or a vocab.txt",
      Problem.list(names) || "an empty folder",
    )
  }
  const Casing = Schema.Struct({ do_lower_case: Schema.optionalKey(Schema.Boolean) })
  const casing = Schema.decodeUnknownOption(Schema.fromJsonString(Casing))(config ?? "{}")
  const lowercase = casing._tag === "None" || (casing.value.do_lower_case ?? true)
  const made = yield* WordPiece.tokenizerJson(WordPiece.parseVocabulary(vocabulary), `${folder.written}/vocab.txt`, {
    ...BertNormalizer.uncased,
    lowercase,
  })
  return { json: made, config }
})

/**
 * An encoder from a folder in upstream's layout: `config.json`, `model.safetensors`, and `tokenizer.json` or
 * `vocab.txt`. Heads of the folder are left behind; a pooler is kept for new heads to start from.
 */
export const fromFolder = Step.make({
  name: "Encoder.fromFolder",
  version: "1",
  input: { path: Source.folder },
  output: Checkpoint.Checkpoint,
  forecast: ({ sources: { path } }) =>
    Forecast.make(
      Effect.runSync(EncoderConfig.parse(readFileSync(join(path!.path, "config.json"), "utf8"), path!.written)),
    ),
  run: Effect.fnUntraced(function* ({ path: folder }) {
    const names = yield* Effect.tryPromise({
      try: () => readdir(folder.path),
      catch: (cause) => unreadable(folder.written, "a folder with an encoder", String(cause)),
    })
    const config = yield* readOptional(folder, names, "config.json")
    if (config === undefined || !names.includes("model.safetensors")) {
      return yield* unreadable(
        folder.written,
        "config.json and model.safetensors",
        Problem.list(names) || "an empty folder",
        names.includes("pytorch_model.bin") ? "Convert pytorch_model.bin to safetensors first." : "",
      )
    }
    const encoder = yield* EncoderConfig.parse(config, folder.written)
    const texts = yield* readTokenizer(folder, names)
    const tokenizer = yield* Tokenizer.fromJson(texts.json, texts.config, folder.written)
    if (tokenizer.vocabularySize > encoder.dimensions.vocab) {
      return yield* unreadable(
        folder.written,
        `a tokenizer of at most ${encoder.dimensions.vocab} tokens, as config.json says`,
        `${tokenizer.vocabularySize}`,
        "The tokenizer and the config may be of two different encoders.",
      )
    }
    const weights = yield* UpstreamWeights.read(
      join(folder.path, "model.safetensors"),
      encoder,
      `${folder.written}/model.safetensors`,
    )
    return {
      config: encoder,
      tokenizer: texts,
      heads: {},
      weights: Artifact.bytes(Safetensors.encode(weights)),
      moments: undefined,
      training: untrained,
    }
  }),
})

/** What an author says of a new encoder. */
interface Shape {
  readonly blocks: number
  readonly hidden: number
  readonly heads: number
  readonly intermediate?: number
  readonly maxTokens?: number
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
    initializerRange: 0.02,
  })

/** What a vocabulary is trained on: both texts of a pair. */
function* textsOf(corpus: Dataset.Dataset): Generator<string, void, void> {
  for (const row of Dataset.rowsOf(corpus)) {
    yield Dataset.textOf(row)
    if (row.pair !== undefined) yield row.pair
  }
}

/**
 * A new BERT with random weights (normal with a standard deviation of 0.02, upstream's convention) and a WordPiece
 * vocabulary trained on the corpus. `intermediate` is 4 · hidden and `maxTokens` 128 unless given.
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
    const parameters = Network.parameters(Bert.network(dimensions))
    const weights = Object.fromEntries(
      parameters.map((parameter) => [parameter.name, Parameter.initialise(parameter, seed)]),
    )
    return {
      config: EncoderConfig.make(Bert, dimensions),
      tokenizer: { json, config },
      heads: {},
      weights: Artifact.bytes(Safetensors.encode(weights)),
      moments: undefined,
      training: untrained,
    }
  }),
})
