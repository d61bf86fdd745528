/**
 * An encoder as a folder in upstream's layout: `config.json`, weights (see `WeightFiles`), and `tokenizer.json`,
 * `vocab.txt`, or `vocab.json` with `merges.txt`. A head of the folder is left behind unless it is asked for (see
 * `UpstreamHead`); a pooler and the head for hidden tokens are kept for new heads to start from.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import { SourceUnreadable } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Source from "@thaw/core/Source"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Effect, Option, Schema } from "effect"
import * as BertNormalizer from "./BertNormalizer.ts"
import * as ByteLevelBpe from "./ByteLevelBpe.ts"
import * as Checkpoint from "./Checkpoint.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as EncoderDigest from "./EncoderDigest.ts"
import * as Forecast from "./Forecast.ts"
import * as Group from "./Group.ts"
import * as JsonFile from "./JsonFile.ts"
import * as MaskedHead from "./MaskedHead.ts"
import * as Tokenizer from "./Tokenizer.ts"
import * as UpstreamHead from "./UpstreamHead.ts"
import * as UpstreamWeights from "./UpstreamWeights.ts"
import * as WeightFiles from "./WeightFiles.ts"
import * as WordPiece from "./WordPiece.ts"

/** A text file of the folder; undefined when it is not there. */
const readOptional = (folder: Source.Located, names: ReadonlyArray<string>, name: string) =>
  names.includes(name) ? text(folder, name) : Effect.succeed(undefined)

const text = (folder: Source.Located, name: string) =>
  Effect.tryPromise({
    try: () => readFile(join(folder.path, name), "utf8"),
    catch: (cause) => unreadable(`${folder.written}/${name}`, "a readable file", String(cause)),
  })

const unreadable = (where: string, expected: string, got: string, advice = "") =>
  new SourceUnreadable({ where, expected, got, advice })

/** What old folders say of their tokenizers; what cannot be read says nothing. */
const Settings = Schema.Struct({
  do_lower_case: Schema.optionalKey(Schema.Boolean),
  add_prefix_space: Schema.optionalKey(Schema.Boolean),
})

/** What is known of a folder by its config: the encoder, and the head where it is asked for. */
export const forecast = (config: string, written: string, task: string | undefined): Forecast.Forecast => {
  const encoder = Effect.runSync(EncoderConfig.parse(config, written))
  if (task === undefined) return Forecast.make(encoder)
  const { labels, ...head } = Effect.runSync(UpstreamHead.of(encoder, written))
  return Forecast.make(encoder, {
    heads: { [task]: { head, labels: labels.length } },
    trained: [Group.head(task)],
  })
}

/** Reads `tokenizer.json`, or makes one from the vocabulary of an old folder. */
const readTokenizer = Effect.fnUntraced(function* (folder: Source.Located, names: ReadonlyArray<string>) {
  const config = yield* readOptional(folder, names, "tokenizer_config.json")
  const json = yield* readOptional(folder, names, "tokenizer.json")
  if (json !== undefined) return { json, config }
  const settings = (yield* Effect.option(JsonFile.read(Settings, config ?? "{}", folder.written))).pipe(
    Option.getOrElse((): typeof Settings.Type => ({})),
  )
  const vocabulary = yield* readOptional(folder, names, "vocab.txt")
  const bpe = yield* readOptional(folder, names, "vocab.json")
  const merges = yield* readOptional(folder, names, "merges.txt")
  if (vocabulary === undefined && bpe !== undefined && merges !== undefined) {
    const files = { vocabulary: bpe, merges }
    const options = { addPrefixSpace: settings.add_prefix_space }
    return { json: yield* ByteLevelBpe.tokenizerJson(files, folder.written, options), config }
  }
  if (vocabulary === undefined) {
    return yield* unreadable(
      folder.written,
      "a tokenizer.json, a vocab.txt, or a vocab.json with merges.txt",
      Problem.list(names) || "an empty folder",
    )
  }
  const made = yield* WordPiece.tokenizerJson(WordPiece.parseVocabulary(vocabulary), `${folder.written}/vocab.txt`, {
    ...BertNormalizer.uncased,
    lowercase: settings.do_lower_case ?? true,
  })
  return { json: made, config }
})

/**
 * The encoder, without heads unless one is asked for.
 *
 * @param names of what is in the folder
 * @param task what its head, where it is asked for, answers from now on
 */
export const read = Effect.fnUntraced(function* (
  folder: Source.Located,
  names: ReadonlyArray<string>,
  task: string | undefined,
) {
  const config = yield* readOptional(folder, names, "config.json")
  const chosen = WeightFiles.main(names)
  if (config === undefined || chosen === undefined) {
    return yield* unreadable(
      folder.written,
      `config.json and one of ${WeightFiles.accepted.join(", ")}`,
      Problem.list(names) || "an empty folder",
    )
  }
  const encoder = yield* EncoderConfig.parse(config, folder.written)
  const texts = yield* readTokenizer(folder, names)
  yield* requireFitting(texts, encoder, folder.written)
  const heads = task === undefined ? {} : { [task]: yield* UpstreamHead.of(encoder, folder.written) }
  const files = yield* WeightFiles.of(folder.written, chosen, names, (name) => text(folder, name))
  const weights = yield* UpstreamWeights.read(
    files.map((name) => ({ path: join(folder.path, name), where: `${folder.written}/${name}` })),
    encoder,
    `${folder.written}/${chosen}`,
    {
      head: Object.entries(heads).flatMap(([name, head]) => UpstreamHead.named(head, name, encoder)),
      masked: MaskedHead.brought(encoder),
    },
  )
  const untrained = { updates: {}, history: [] }
  return {
    config: encoder,
    tokenizer: texts,
    heads,
    weights: Artifact.bytes(Safetensors.encode(weights)),
    moments: undefined,
    training:
      task === undefined
        ? untrained
        : { ...untrained, trainedOn: { [task]: EncoderDigest.ofTensors(encoder, weights) } },
  } satisfies Checkpoint.Checkpoint
})

/** Every token has a row in the table of words. */
const requireFitting = Effect.fnUntraced(function* (
  { json, config }: Checkpoint.Checkpoint["tokenizer"],
  { dimensions: { vocab } }: EncoderConfig.EncoderConfig,
  where: string,
) {
  const { vocabularySize } = yield* Tokenizer.fromJson(json, config, where)
  if (vocabularySize <= vocab) return
  return yield* unreadable(
    where,
    `a tokenizer of at most ${vocab} tokens, as config.json says`,
    `${vocabularySize}`,
    "The tokenizer and the config may be of two different encoders.",
  )
})

/** A checkpoint's folder, which may come from anywhere: what its parts say of each other has to agree. */
export const readCheckpoint = Effect.fnUntraced(function* (folder: Source.Located) {
  const checkpoint = yield* Checkpoint.fromFolder(folder.path, folder.written)
  yield* requireFitting(checkpoint.tokenizer, checkpoint.config, folder.written)
  for (const [name, tensor] of Object.entries(yield* Checkpoint.tensors(checkpoint))) {
    yield* UpstreamWeights.requireFinite(tensor, `${folder.written}, ${name}`)
  }
  return checkpoint
})

/**
 * Names of the files that `read` reads of a folder with these, weights aside: a tokenizer.json makes vocabularies
 * superfluous.
 */
export const texts = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const vocabularies = ["tokenizer.json", "vocab.txt"].find((name) => names.includes(name))
  const tokenizer = vocabularies === undefined ? ["vocab.json", "merges.txt"] : [vocabularies]
  return ["config.json", "tokenizer_config.json", ...tokenizer].filter((name) => names.includes(name))
}
