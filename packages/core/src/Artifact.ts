/**
 * What flows between steps: a value of some kind that can be written as files and read back.
 *
 * An artifact is a small set of named files. Its content hash covers its kind, names and bytes and nothing else, so the
 * same result reached in two ways has the same hash.
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { readFile } from "node:fs/promises"
import { Effect, Schema } from "effect"
import { ArtifactBroken } from "./Errors.ts"
import * as Problem from "./Problem.ts"

/**
 * One file of an artifact: bytes in memory, bytes that are made chunk by chunk (again, equally, at every iteration), or a
 * file on disk that is not to be changed.
 */
export type Content =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "Chunks"; readonly chunks: Iterable<Uint8Array> }
  | { readonly _tag: "File"; readonly path: string }

/** Files of one artifact by their relative name, `/` between folders. */
export type Files = ReadonlyMap<string, Content>

/** How values of one kind become files and files become values. */
export interface Kind<in out T> {
  readonly _tag: "ArtifactKind"
  /** `family/part`, e.g. `examples/train`, `checkpoint`, `json/scores`. */
  readonly kind: string
  readonly write: (value: T) => Effect.Effect<Files, ArtifactBroken>
  readonly read: (files: Files) => Effect.Effect<T, ArtifactBroken>
}

/** Several artifacts of one kind under names of the author's choosing, e.g. one dataset per task. */
export interface RecordOf<in out T> {
  readonly _tag: "ArtifactRecord"
  readonly of: Kind<T>
}

/** An artifact as plans and journals speak of it. */
export interface Reference {
  readonly kind: string
  readonly hash: string
}

export const bytes = (content: Uint8Array): Content => ({ _tag: "Bytes", bytes: content })
export const chunks = (content: Iterable<Uint8Array>): Content => ({ _tag: "Chunks", chunks: content })
export const file = (path: string): Content => ({ _tag: "File", path })
const text = (content: string): Content => bytes(new TextEncoder().encode(content))

export const make = <T>(definition: Omit<Kind<T>, "_tag">): Kind<T> => ({ _tag: "ArtifactKind", ...definition })

export const record = <T>(of: Kind<T>): RecordOf<T> => ({ _tag: "ArtifactRecord", of })

/** The value as files. A value that is not of its kind fails instead of throwing inside `kind.write`. */
export const write = <T>(kind: Kind<T>, value: T): Effect.Effect<Files, ArtifactBroken> =>
  Effect.suspend(() => kind.write(value)).pipe(
    Effect.catchDefect((defect) =>
      Effect.fail(
        new ArtifactBroken({
          where: `artifact ${kind.kind}`,
          expected: "a value of its kind",
          got: `${value === null ? "null" : typeof value} (${String(defect).split("\n")[0]})`,
          advice: "",
        }),
      ),
    ),
  )

/** The file in which a JSON artifact says itself for people, as Markdown: `thaw run` shows it where it is an output. */
export const summaryFile = "summary.md"

/**
 * A small JSON value, checked against its schema both ways. Keys are written sorted, so equal values have equal hashes.
 * What JSON has no form for (NaN, dates, maps) is written in the form that `Schema.toCodecJson` gives it.
 *
 * @param summary the value as people read it; kept beside it in `summaryFile`
 */
// oxlint-disable-next-line typescript/no-explicit-any -- only `any` stands for every schema without services
export const json = <S extends Schema.Codec<any, any>>(
  name: string,
  schema: S,
  summary?: (value: S["Type"]) => string,
): Kind<S["Type"]> => {
  const codec = Schema.toCodecJson(schema)
  const broken = (issue: Schema.SchemaError, value: unknown) =>
    new ArtifactBroken({
      where: `artifact json/${name}`,
      expected: Problem.expectation(issue.message),
      got: Problem.shown(value),
      advice: "",
    })
  return make({
    kind: `json/${name}`,
    write: (value) =>
      Schema.encodeUnknownEffect(codec)(value).pipe(
        Effect.mapError((issue) => broken(issue, value)),
        Effect.map((encoded) => {
          const files = new Map([["value.json", text(canonicalJson(encoded))]])
          return summary === undefined ? files : files.set(summaryFile, text(summary(value)))
        }),
      ),
    read: (files) =>
      readText(files, "value.json").pipe(
        Effect.flatMap((text) =>
          Schema.decodeUnknownEffect(Schema.fromJsonString(codec))(text).pipe(
            Effect.mapError((issue) => broken(issue, text)),
          ),
        ),
      ),
  })
}

/** JSON with sorted keys and no spaces: the form that is hashed. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

const missing = (name: string, files: Files) =>
  new ArtifactBroken({
    where: `artifact file ${name}`,
    expected: "to be one of the artifact's files",
    got: [...files.keys()].join(", ") || "none",
    advice: "",
  })

/** One file of an artifact. */
export const content = (files: Files, name: string): Effect.Effect<Content, ArtifactBroken> => {
  const found = files.get(name)
  return found === undefined ? Effect.fail(missing(name, files)) : Effect.succeed(found)
}

/** The bytes of one file of an artifact. */
export const readBytes = (files: Files, name: string): Effect.Effect<Uint8Array, ArtifactBroken> =>
  Effect.flatMap(content(files, name), contentBytes)

/** Content that is no file, in one piece. */
export const joined = (given: Exclude<Content, { readonly _tag: "File" }>): Uint8Array =>
  given._tag === "Bytes" ? given.bytes : Buffer.concat([...given.chunks])

export const contentBytes = (content: Content): Effect.Effect<Uint8Array, ArtifactBroken> =>
  content._tag !== "File"
    ? Effect.sync(() => joined(content))
    : Effect.tryPromise({
        try: () => readFile(content.path),
        catch: (cause) =>
          new ArtifactBroken({ where: content.path, expected: "a readable file", got: String(cause), advice: "" }),
      })

export const readText = (files: Files, name: string): Effect.Effect<string, ArtifactBroken> =>
  readBytes(files, name).pipe(Effect.map((content) => new TextDecoder().decode(content)))

/** Size and SHA-256 of one file; what is not in memory is streamed. */
export const digest = (content: Content): Effect.Effect<{ sizeBytes: number; sha256: string }, ArtifactBroken> =>
  content._tag !== "File"
    ? Effect.sync(() => {
        const hash = createHash("sha256")
        let sizeBytes = 0
        for (const chunk of content._tag === "Bytes" ? [content.bytes] : content.chunks) {
          hash.update(chunk)
          sizeBytes += chunk.byteLength
        }
        return { sizeBytes, sha256: hash.digest("hex") }
      })
    : Effect.tryPromise({
        try: async () => {
          const hash = createHash("sha256")
          let sizeBytes = 0
          for await (const chunk of createReadStream(content.path)) {
            hash.update(chunk as Uint8Array)
            sizeBytes += (chunk as Uint8Array).byteLength
          }
          return { sizeBytes, sha256: hash.digest("hex") }
        },
        catch: (cause) =>
          new ArtifactBroken({ where: content.path, expected: "a readable file", got: String(cause), advice: "" }),
      })

/** What an artifact consists of; the hash of this listing is the artifact's content hash. */
export const Manifest = Schema.Struct({
  kind: Schema.String,
  files: Schema.Array(Schema.Struct({ name: Schema.String, sizeBytes: Schema.Int, sha256: Schema.String })),
})
export type Manifest = typeof Manifest.Type

export const manifest = (kind: string, files: Files): Effect.Effect<Manifest, ArtifactBroken> =>
  Effect.forEach(
    [...files].sort(([a], [b]) => (a < b ? -1 : 1)),
    ([name, content]) => digest(content).pipe(Effect.map((summary) => ({ name, ...summary }))),
  ).pipe(Effect.map((entries) => ({ kind, files: entries })))

export const hashOf = (listing: Manifest): string => createHash("sha256").update(canonicalJson(listing)).digest("hex")
