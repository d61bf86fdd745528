/**
 * The tokenizer's files: `tokenizer.json` as it came, and a `tokenizer_config.json` that leaves nothing to be guessed.
 *
 * Where the settings are silent transformers takes its classes' defaults, which may be another tokenizer: BERT's would make
 * a cased one lowercase.
 */
import type * as Artifact from "@thaw/core/Artifact"
import * as Checkpoint from "@thaw/models/Checkpoint"
import { TokenizerInvalid } from "@thaw/models/Errors"
import * as JsonFile from "@thaw/models/JsonFile"
import type { Tokenizer } from "@thaw/models/Tokenizer"
import { Effect, Schema } from "effect"
import * as JsonText from "./JsonText.ts"
import * as Upstream from "./Upstream.ts"

const FileJson = Schema.Struct({
  normalizer: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))),
  model: Schema.Struct({ type: Schema.String, unk_token: Schema.optionalKey(Schema.NullOr(Schema.String)) }),
})

const SettingsJson = Schema.Record(Schema.String, Schema.Unknown)

export const of = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
  tokenizer: Tokenizer,
): Effect.fn.Return<Artifact.Files, TokenizerInvalid> {
  const read = <A, E>(schema: Schema.Codec<A, E>, text: string, name: string) =>
    JsonFile.read(schema, text, `checkpoint, ${name}`).pipe(
      Effect.mapError((problem) => new TokenizerInvalid({ ...problem })),
    )
  const { json, config = "{}" } = checkpoint.tokenizer
  const file = yield* read(FileJson, json, "tokenizer.json")
  const told = yield* read(SettingsJson, config, "tokenizer_config.json")
  const settings = {
    tokenizer_class: Upstream.of(checkpoint.config.family).tokenizer,
    ...specials(tokenizer, file.model.unk_token ?? undefined),
    ...Object.fromEntries(Object.entries(told).filter(([name, value]) => value !== null && !elsewhere.has(name))),
    ...casing(file),
    model_max_length: Checkpoint.maxTokens(checkpoint, tokenizer),
  }
  return new Map([
    ["tokenizer.json", JsonText.text(json)],
    ["tokenizer_config.json", JsonText.of(settings)],
  ])
})

/** Fields that name files or code of the place where the tokenizer came from. */
const elsewhere = new Set(["auto_map", "name_or_path", "special_tokens_map_file", "tokenizer_file"])

/** What stands first and last around a text, and what fills up. */
const specials = ({ single, padId, tokenOf }: Tokenizer, unknown: string | undefined) => {
  const around = single.flatMap((part) => (part._tag === "Special" ? [tokenOf(part.id)] : []))
  return Object.fromEntries(
    Object.entries({
      pad_token: tokenOf(padId),
      cls_token: around[0],
      sep_token: around.at(-1),
      unk_token: unknown,
    }).filter(([, token]) => token !== undefined),
  )
}

/** What BERT's tokenizers are told beside their `tokenizer.json`, which it would overrule. */
const casing = ({ normalizer, model }: typeof FileJson.Type) =>
  model.type === "WordPiece" && normalizer?.["type"] === "BertNormalizer"
    ? {
        do_lower_case: normalizer["lowercase"],
        strip_accents: normalizer["strip_accents"],
        tokenize_chinese_chars: normalizer["handle_chinese_chars"],
      }
    : {}
