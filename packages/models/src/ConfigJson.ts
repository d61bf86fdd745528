/** What reading upstream's `config.json` has in common for every family. */
import { Effect, Schema } from "effect"
import * as Dimensions from "./Dimensions.ts"
import { EncoderInvalid } from "./Errors.ts"
import * as JsonFile from "./JsonFile.ts"

/** A whole number from 1. */
export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
/** A token's id. */
export const Id = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
export const Activation = Schema.Literals(Dimensions.activations)

/** Reads the fields a family knows; others are upstream's own business. */
export const decode = <A, E>(
  schema: Schema.Codec<A, E>,
  json: unknown,
  where: string,
): Effect.Effect<A, EncoderInvalid> =>
  JsonFile.decode(schema, json, `${where}, config.json`).pipe(
    Effect.mapError((problem) => new EncoderInvalid({ ...problem })),
  )

/** The dimensions of an encoder whose heads divide its hidden size. */
export const dimensions = (
  where: string,
  given: Omit<Dimensions.Dimensions, "headSize">,
): Effect.Effect<Dimensions.Dimensions, EncoderInvalid> =>
  given.hidden % given.heads === 0
    ? Effect.succeed({ ...given, headSize: given.hidden / given.heads })
    : Effect.fail(
        new EncoderInvalid({
          where: `${where}, config.json`,
          expected: `a hidden size that ${given.heads} attention heads divide`,
          got: String(given.hidden),
          advice: "",
        }),
      )

/** Most tokens, where rows of the table of positions before `first` belong to none. */
export const positionsFrom = (first: number, rows: number, where: string): Effect.Effect<number, EncoderInvalid> =>
  rows > first
    ? Effect.succeed(rows - first)
    : Effect.fail(
        new EncoderInvalid({
          where: `${where}, config.json, max_position_embeddings`,
          expected: `more than ${first}, since the first token has position ${first}`,
          got: String(rows),
          advice: "",
        }),
      )
