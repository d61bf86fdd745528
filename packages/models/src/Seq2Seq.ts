/**
 * A ready encoder-decoder in ONNX, such as a translation model, in the layout of transformers.js:
 *
 * ```
 * config.json, generation_config.json   which token starts, ends and fills; how long a text may become
 * tokenizer.json, tokenizer_config.json
 * onnx/encoder_model.onnx               input_ids, attention_mask ──► last_hidden_state
 * onnx/decoder_model.onnx               input_ids, encoder_hidden_states, encoder_attention_mask ──► logits
 * ```
 *
 * Decoding is greedy, without a cache of keys and values: of the logits at the last place the greatest wins, the lower id
 * of equal ones. Each text is decoded alone, so what it becomes does not depend on its company.
 */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { Tokenizer as Library } from "@huggingface/tokenizers"
import * as Artifact from "@thaw/core/Artifact"
import { SourceUnreadable } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import type { Device } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect, Schema } from "effect"
import { EncoderInvalid } from "./Errors.ts"
import * as JsonFile from "./JsonFile.ts"

/** The files, by their names in the folder. */
export interface Seq2Seq {
  readonly files: Artifact.Files
}

const required = ["config.json", "tokenizer.json", "onnx/encoder_model.onnx", "onnx/decoder_model.onnx"] as const
const optional = ["generation_config.json", "tokenizer_config.json"] as const

export const Seq2Seq: Artifact.Kind<Seq2Seq> = Artifact.make<Seq2Seq>({
  kind: "seq2seq",
  write: ({ files }) => Effect.succeed(files),
  read: (files) => Effect.succeed({ files }),
})

/**
 * `Seq2Seq.fromFolder({ path: "./opus-mt-en-de" })`. Fails with `SourceUnreadable` where a file of the layout is missing;
 * models whose weights lie in a file of their own (`*.onnx_data`) are refused.
 */
export const fromFolder = Step.make({
  name: "Seq2Seq.fromFolder",
  version: "1",
  input: { path: Source.folder },
  output: Seq2Seq,
  run: Effect.fnUntraced(function* ({ path: folder }) {
    const unreadable = (expected: string, got: string, advice = "") =>
      new SourceUnreadable({ where: folder.written, expected, got, advice })
    const names = yield* Effect.tryPromise({
      try: () => readdir(folder.path, { recursive: true }),
      catch: (cause) => unreadable("a folder with an encoder-decoder", String(cause)),
    })
    const missing = required.filter((name) => !names.includes(name))
    if (missing.length > 0) {
      return yield* unreadable(
        Problem.list(required),
        `a folder without ${Problem.list(missing)}`,
        "Export the model in the layout of transformers.js, with the decoder that takes no past.",
      )
    }
    const apart = names.filter((name) => name.includes(".onnx_data"))
    if (apart.length > 0) return yield* unreadable("ONNX files with their weights inside", Problem.list(apart))
    const present = [...required, ...optional.filter((name) => names.includes(name))]
    return { files: new Map(present.map((name) => [name, Artifact.file(join(folder.path, name))])) }
  }),
})

const Ids = Schema.Union([Schema.Int, Schema.Array(Schema.Int)])
const Settings = Schema.Struct({
  decoder_start_token_id: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  eos_token_id: Schema.optionalKey(Schema.NullOr(Ids)),
  forced_bos_token_id: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  bad_words_ids: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Array(Schema.Int)))),
  max_length: Schema.optionalKey(Schema.NullOr(Schema.Int)),
})

const decode = Effect.fnUntraced(function* ({ files }: Seq2Seq, name: string) {
  if (!files.has(name)) return {}
  const text = yield* Artifact.readText(files, name)
  return yield* JsonFile.read(Settings, text, name).pipe(
    Effect.mapError((problem) => new EncoderInvalid({ ...problem })),
  )
})

/** What generation's own file says counts before what the model's says. */
const settingsOf = Effect.fnUntraced(function* (model: Seq2Seq) {
  const given = { ...(yield* decode(model, "config.json")), ...(yield* decode(model, "generation_config.json")) }
  const start = given.decoder_start_token_id
  const ends = given.eos_token_id
  if (typeof start !== "number" || ends === undefined || ends === null) {
    return yield* new EncoderInvalid({
      where: "config.json",
      expected: "decoder_start_token_id and eos_token_id, there or in generation_config.json",
      got: JSON.stringify({ decoder_start_token_id: start, eos_token_id: ends }),
      advice: "Only encoder-decoders can be read.",
    })
  }
  return {
    start,
    ends: new Set(typeof ends === "number" ? [ends] : ends),
    first: given.forced_bos_token_id ?? undefined,
    // Longer ones are phrases, which translation models do not ban.
    banned: new Set((given.bad_words_ids ?? []).flatMap((ids) => (ids.length === 1 ? ids : []))),
    maxTokens: given.max_length ?? 512,
  }
})

const tokenizerOf = Effect.fnUntraced(function* ({ files }: Seq2Seq) {
  const json = yield* Artifact.readText(files, "tokenizer.json")
  const config = files.has("tokenizer_config.json") ? yield* Artifact.readText(files, "tokenizer_config.json") : "{}"
  return yield* Effect.try({
    try: () => new Library(JSON.parse(json) as object, JSON.parse(config) as object),
    catch: (cause) =>
      new EncoderInvalid({
        where: "tokenizer.json",
        expected: "a tokenizer that can be loaded",
        got: cause instanceof Error ? cause.message : String(cause),
        advice: "",
      }),
  })
})

const int64 = (ids: ReadonlyArray<number>): Tensor.Tensor => Tensor.int64([1, ids.length], ids)

/** From a text to what the model makes of it, on this device for as long as its scope is open. */
export const open = Effect.fnUntraced(function* (model: Seq2Seq, device: Device) {
  const settings = yield* settingsOf(model)
  const tokenizer = yield* tokenizerOf(model)
  const session = Effect.fnUntraced(function* (name: string) {
    return yield* device.session({ name, bytes: yield* Artifact.readBytes(model.files, name) })
  })
  const encoder = yield* session("onnx/encoder_model.onnx")
  const decoder = yield* session("onnx/decoder_model.onnx")
  return Effect.fnUntraced(function* (text: string) {
    const { ids: source } = tokenizer.encode(text)
    const mask = int64(source.map(() => 1))
    const { last_hidden_state: states } = yield* encoder.run({
      feeds: { input_ids: int64(source), attention_mask: mask },
      fetch: ["last_hidden_state"],
    })
    const ids = [settings.start]
    while (ids.length < settings.maxTokens) {
      const { logits } = yield* decoder.run({
        feeds: { input_ids: int64(ids), encoder_hidden_states: states!, encoder_attention_mask: mask },
        fetch: ["logits"],
      })
      const next =
        ids.length === 1 && settings.first !== undefined ? settings.first : greatest(logits!, settings.banned)
      if (settings.ends.has(next)) break
      ids.push(next)
    }
    return tokenizer.decode(ids, { skip_special_tokens: true }).trim()
  })
})

/** Of the logits at the last place, [1, tokens, vocab]. */
const greatest = ({ shape, data }: Tensor.Tensor, banned: ReadonlySet<number>): number => {
  const vocab = shape.at(-1)!
  const last = data.length - vocab
  let best = -1
  for (let id = 0; id < vocab; id++) {
    if (!banned.has(id) && (best < 0 || data[last + id]! > data[last + best]!)) best = id
  }
  return best
}
