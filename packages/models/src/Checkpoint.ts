/**
 * A checkpoint: everything that training needs to go on and evaluation needs to answer.
 *
 * ```
 * config.json             upstream's
 * tokenizer.json          and tokenizer_config.json where there is one
 * model.safetensors       weights under upstream's names; heads under head.<task>., adapters under lora.<map>.
 * heads.json              task → kind of head and its labels in order
 * optimizer.safetensors   AdamW's exp_avg.<weight>, exp_avg_sq.<weight> or SGD's momentum_buffer.<weight>; absent before
 *                         any training
 * lora.json               rank, alpha, … of low-rank adapters; absent where there are none
 * training.json           updates per group, history of phases
 * texts.bin               texts that any of its phases trained on, see TextSet; absent before any training
 * ```
 *
 * Weights and moments stay files: a training process loads them itself.
 */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import { ArtifactBroken } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Seed from "@thaw/core/Seed"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import * as Safetensors from "@thaw/onnx/Safetensors"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect, type Schema } from "effect"
import * as CheckpointFiles from "./CheckpointFiles.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as EncoderDigest from "./EncoderDigest.ts"
import { TrainingInvalid, type TokenizerInvalid } from "./Errors.ts"
import * as Family from "./Family.ts"
import * as Forecast from "./Forecast.ts"
import * as Group from "./Group.ts"
import { traits } from "./Head.ts"
import * as JsonFile from "./JsonFile.ts"
import * as Lora from "./Lora.ts"
import * as Parameter from "./Parameter.ts"
import * as TextSet from "./TextSet.ts"
import * as Tokenizer from "./Tokenizer.ts"
import * as TrainingModel from "./TrainingModel.ts"

/** A task's head and its labels, in the order of their classes. */
export type Head = CheckpointFiles.TaskHead
export type Training = CheckpointFiles.Training

export interface Checkpoint {
  readonly config: EncoderConfig.EncoderConfig
  /** Texts of `tokenizer.json` and, where there is one, `tokenizer_config.json`. */
  readonly tokenizer: { readonly json: string; readonly config: string | undefined }
  readonly heads: Readonly<Record<string, Head>>
  /** `model.safetensors` */
  readonly weights: Artifact.Content
  /** `optimizer.safetensors`; undefined before any training. */
  readonly moments: Artifact.Content | undefined
  readonly training: Training
  /** Texts that its phases trained on, see `trainedTexts`. */
  readonly texts?: TextSet.TextSet | undefined
}

const files = {
  config: "config.json",
  tokenizer: "tokenizer.json",
  tokenizerConfig: "tokenizer_config.json",
  weights: "model.safetensors",
  heads: "heads.json",
  lora: "lora.json",
  moments: "optimizer.safetensors",
  training: "training.json",
  texts: "texts.bin",
} as const

const text = (content: string): Artifact.Content => Artifact.bytes(new TextEncoder().encode(content))

const broken = (where: string, expected: string, got: string, advice = "") =>
  new ArtifactBroken({ where: `checkpoint, ${where}`, expected, got, advice })

/** A problem of a part is a problem of the checkpoint it was read from. */
const ofPart = (problem: Problem.Problem): ArtifactBroken =>
  broken(problem.where, problem.expected, problem.got, problem.advice)

/** Checkpoints as steps give and take them. */
export const Checkpoint: Artifact.Kind<Checkpoint> = Artifact.make<Checkpoint>({
  kind: "checkpoint",
  write: ({ config, tokenizer, heads, weights, moments, training, texts }) =>
    Effect.sync(
      () =>
        new Map([
          [files.config, text(`${JSON.stringify(config.json, undefined, 2)}\n`)],
          [files.tokenizer, text(tokenizer.json)],
          ...(tokenizer.config === undefined ? [] : [[files.tokenizerConfig, text(tokenizer.config)] as const]),
          [files.weights, weights],
          [files.heads, CheckpointFiles.encodeJson(CheckpointFiles.Heads, heads)],
          ...(config.lora === undefined
            ? []
            : [[files.lora, CheckpointFiles.encodeJson(Lora.Settings, config.lora)] as const]),
          ...(moments === undefined ? [] : [[files.moments, moments] as const]),
          [files.training, CheckpointFiles.encodeJson(CheckpointFiles.Training, training)],
          ...(texts === undefined ? [] : [[files.texts, Artifact.bytes(TextSet.encode(texts))] as const]),
        ]),
    ),
  read: Effect.fnUntraced(function* (found) {
    const encoder = yield* EncoderConfig.parse(yield* Artifact.readText(found, files.config), "checkpoint").pipe(
      Effect.mapError(ofPart),
    )
    const config = found.has(files.lora)
      ? { ...encoder, lora: yield* CheckpointFiles.decodeJson(Lora.Settings, found, files.lora) }
      : encoder
    const heads = yield* CheckpointFiles.decodeJson(CheckpointFiles.Heads, found, files.heads)
    const weights = found.get(files.weights)
    if (weights === undefined) return yield* broken(files.weights, "to be there", Problem.list(found.keys()))
    yield* verify(weights, TrainingModel.allParameters({ config, heads }))
    return {
      config,
      heads,
      weights,
      tokenizer: {
        json: yield* Artifact.readText(found, files.tokenizer),
        config: found.has(files.tokenizerConfig) ? yield* Artifact.readText(found, files.tokenizerConfig) : undefined,
      },
      moments: found.get(files.moments),
      training: yield* CheckpointFiles.decodeJson(CheckpointFiles.Training, found, files.training),
      ...(found.has(files.texts)
        ? {
            texts: yield* TextSet.decode(yield* Artifact.readBytes(found, files.texts), `checkpoint, ${files.texts}`),
          }
        : {}),
    }
  }),
})

/** Every parameter is there, as float32 of its shape. */
const verify = Effect.fnUntraced(function* (weights: Artifact.Content, parameters: ReadonlyArray<Parameter.Parameter>) {
  const entries = yield* CheckpointFiles.entries(weights).pipe(Effect.mapError(ofPart))
  for (const { name, shape } of parameters) {
    const entry = entries.get(name)
    const wanted = `F32 [${shape.join(", ")}]`
    const got = entry === undefined ? "nothing" : `${entry.dtype} [${entry.shape.join(", ")}]`
    if (got !== wanted) return yield* broken(`${files.weights}, ${name}`, wanted, got)
  }
})

const required = [files.config, files.tokenizer, files.weights, files.heads, files.training]

/**
 * Reads a checkpoint folder, such as an exported one.
 *
 * @param written how messages name it
 */
export const fromFolder = Effect.fnUntraced(function* (
  path: string,
  written = path,
): Effect.fn.Return<Checkpoint, ArtifactBroken> {
  const names = yield* Effect.tryPromise({
    try: () => readdir(path),
    catch: (cause) =>
      notThere(written, (cause as NodeJS.ErrnoException).code === "ENOENT" ? "nothing there" : String(cause)),
  })
  const missing = required.filter((name) => !names.includes(name))
  if (missing.length > 0) return yield* notThere(written, `a folder without ${Problem.list(missing)}`)
  return yield* Checkpoint.read(new Map(names.map((name) => [name, Artifact.file(join(path, name))])))
})

/**
 * What a checkpoint folder says of itself. Whether a head has trained is known once it is read; here each counts as
 * trained.
 *
 * @param text gives the text of a file; throws where there is none
 */
export const forecast = (text: (name: string) => string, written: string): Forecast.Forecast => {
  const json = <A, E>(schema: Schema.Codec<A, E>, name: string) =>
    Effect.runSync(JsonFile.read(schema, text(name), `${written}/${name}`))
  const config = Effect.runSync(EncoderConfig.parse(text(files.config), written))
  const heads = Object.entries(json(CheckpointFiles.Heads, files.heads)).map(
    ([task, { labels, ...head }]) => [task, { head, labels: labels.length }] as const,
  )
  let lora: Lora.Settings | undefined
  try {
    lora = json(Lora.Settings, files.lora)
  } catch {
    // No adapters.
  }
  return Forecast.make(lora === undefined ? config : { ...config, lora }, {
    heads: Object.fromEntries(heads),
    trained: heads.map(([task]) => Group.head(task)),
  })
}

const notThere = (path: string, got: string) =>
  new ArtifactBroken({
    where: path,
    expected: "a folder with a checkpoint",
    got,
    advice: "Export.checkpoint makes one; runs tell where.",
  })

/** The checkpoint's tokenizer. */
export const tokenizer = (checkpoint: Checkpoint): Effect.Effect<Tokenizer.Tokenizer, TokenizerInvalid> =>
  Tokenizer.fromJson(checkpoint.tokenizer.json, checkpoint.tokenizer.config, "checkpoint")

/** Most tokens an example may have: the encoder's positions, or fewer where the tokenizer's settings say so. */
export const maxTokens = ({ config }: Checkpoint, { maxTokens: most }: Tokenizer.Tokenizer): number =>
  Math.min(config.dimensions.positions, most ?? config.dimensions.positions)

/**
 * Texts that any phase of the checkpoint trained on, by the hash of their normalised form. None before the first phase;
 * undefined where a checkpoint has phases behind it and does not say: one that was exported, or written by an earlier
 * version. What an encoder read before it came here is not among them.
 */
export const trainedTexts = ({ texts, training }: Checkpoint): TextSet.TextSet | undefined =>
  texts ?? (training.history.length === 0 ? TextSet.empty : undefined)

/** Every parameter of the encoder and the heads, bottom to top. */
export const parameters = ({ config, heads }: Checkpoint): ReadonlyArray<Parameter.Parameter> =>
  TrainingModel.allParameters({ config, heads })

/** Weights by name, or all of them. */
export const tensors = (
  checkpoint: Checkpoint,
  names?: ReadonlyArray<string>,
): Effect.Effect<Safetensors.Tensors, SafetensorsBroken> => CheckpointFiles.tensors(checkpoint.weights, names)

/** Names of all weights, without reading them. */
export const names = (checkpoint: Checkpoint): Effect.Effect<ReadonlyArray<string>, SafetensorsBroken> =>
  Effect.map(CheckpointFiles.entries(checkpoint.weights), (entries) => [...entries.keys()])

/** Paths of weights and moments for a process to load; what is in memory only is written into `folder`. */
export const onDisk = Effect.fnUntraced(function* (checkpoint: Checkpoint, folder: string) {
  return {
    weights: yield* CheckpointFiles.onDisk(checkpoint.weights, folder, files.weights),
    moments:
      checkpoint.moments === undefined
        ? undefined
        : yield* CheckpointFiles.onDisk(checkpoint.moments, folder, files.moments),
  }
})

/**
 * The checkpoint with heads for more tasks. A new head starts random, from streams of its parameters' names; parts
 * that the encoder came with are copies: a pooler, or all of a head for hidden tokens. Such a head counts as trained on an
 * encoder that no phase has moved since.
 *
 * Fails when a task has a head already or a task has too few labels.
 */
export const withHeads = Effect.fnUntraced(function* (
  checkpoint: Checkpoint,
  heads: Readonly<Record<string, Head>>,
  seed: Seed.Seed,
): Effect.fn.Return<Checkpoint, TrainingInvalid | SafetensorsBroken> {
  const invalid = (task: string, expected: string, got: string) =>
    new TrainingInvalid({ where: `head ${JSON.stringify(task)}`, expected, got, advice: "" })
  for (const [task, head] of Object.entries(heads)) {
    if (checkpoint.heads[task] !== undefined) return yield* invalid(task, "a task without a head", "one that has one")
    const { fewestLabels } = traits[head.kind]
    if (head.labels.length < fewestLabels) {
      const expected = fewestLabels === 1 ? "a label" : "at least two labels"
      return yield* invalid(task, expected, Problem.list(head.labels) || "none")
    }
  }
  const { config } = checkpoint
  const weights: Record<string, Tensor.Tensor> = { ...(yield* tensors(checkpoint)) }
  const added = TrainingModel.allParameters({ config, heads }).filter(({ group }) => group.startsWith("head."))
  const random = new Set<string>()
  for (const parameter of added) {
    const task = Group.taskOf(parameter.group)!
    const local = parameter.name.slice(parameter.group.length + 1)
    const source = heads[task]!.kind === "maskedTokens" ? local : Family.broughtName(config.family, local)
    const brought = source === undefined ? undefined : weights[source]
    if (brought === undefined) random.add(task)
    weights[parameter.name] = brought ?? Parameter.initialise(parameter, seed)
  }
  const { training } = checkpoint
  const known = Object.keys(heads).filter((task) => !random.has(task))
  const isMoved = training.history.length > 0
  const encoder = isMoved || known.length === 0 ? undefined : EncoderDigest.ofTensors(config, weights)
  return {
    ...checkpoint,
    heads: { ...checkpoint.heads, ...heads },
    weights: Artifact.bytes(Safetensors.encode(weights)),
    training:
      encoder === undefined
        ? training
        : {
            ...training,
            trainedOn: { ...training.trainedOn, ...Object.fromEntries(known.map((task) => [task, encoder])) },
          },
  }
})
