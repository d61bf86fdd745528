/** Reads JSON by a schema. A problem names the field, what it must be and what it is. */
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema, SchemaIssue } from "effect"

const problem = (where: string, expected: string, got: string): Problem.Problem => ({
  where,
  expected,
  got,
  advice: "",
})

/** @param where the file, for messages */
export const parse = (text: string, where: string): Effect.Effect<unknown, Problem.Problem> =>
  Effect.try({
    try: () => JSON.parse(text) as unknown,
    catch: (cause) => problem(where, "JSON", cause instanceof Error ? cause.message : String(cause)),
  })

/** Reads the fields that the schema names; others are somebody else's business. */
export const decode = <A, E>(
  schema: Schema.Codec<A, E>,
  json: unknown,
  where: string,
): Effect.Effect<A, Problem.Problem> =>
  Schema.decodeUnknownEffect(schema)(json).pipe(
    Effect.mapError((error) => {
      const [first] = format(error.issue).issues
      const path = (first?.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
      const at = path.length === 0 ? where : `${where}, ${path.map(String).join(".")}`
      return problem(at, Problem.expectation(first?.message ?? error.message), Problem.shown(valueAt(json, path)))
    }),
  )

/** Parses the text and reads the schema's fields. */
export const read = <A, E>(
  schema: Schema.Codec<A, E>,
  text: string,
  where: string,
): Effect.Effect<A, Problem.Problem> => parse(text, where).pipe(Effect.flatMap((json) => decode(schema, json, where)))

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const valueAt = (json: unknown, path: ReadonlyArray<PropertyKey>): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Readonly<Record<PropertyKey, unknown>>)[key] : undefined,
    json,
  )
