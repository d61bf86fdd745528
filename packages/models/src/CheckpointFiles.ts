/** The small JSON files of a checkpoint, and reading its tensors from wherever they lie. */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import { ArtifactBroken } from "@thaw/core/Errors"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Effect, Schema, Tuple } from "effect"
import * as Head from "./Head.ts"
import * as JsonFile from "./JsonFile.ts"

/** A task's head and its labels in the order of their classes; none where it needs none. */
export const TaskHead = Head.Head.mapMembers(Tuple.map(Schema.fieldsAssign({ labels: Schema.Array(Schema.String) })))
export type TaskHead = typeof TaskHead.Type

/** `heads.json`: task → head. */
export const Heads = Schema.Record(Schema.String, TaskHead)

/** `training.json`: what a checkpoint went through. */
export const Training = Schema.Struct({
  /** Updates that the moments of each group come from; a group without moments is absent. */
  updates: Schema.Record(Schema.String, Schema.Int),
  /** One entry per phase, oldest first, as the training step describes it. */
  history: Schema.Array(Schema.Json),
  /** By task: digest of the encoder that the head last trained on, see `EncoderDigest`; absent where none has trained. */
  trainedOn: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
})
export type Training = typeof Training.Type

/** One JSON file, keys sorted, so that equal values are equal bytes. */
export const encodeJson = <A>(schema: Schema.Codec<A, unknown>, value: A): Artifact.Content =>
  Artifact.bytes(new TextEncoder().encode(`${Artifact.canonicalJson(Schema.encodeSync(schema)(value))}\n`))

export const decodeJson = <A, E>(
  schema: Schema.Codec<A, E>,
  files: Artifact.Files,
  name: string,
): Effect.Effect<A, ArtifactBroken> =>
  Artifact.readText(files, name).pipe(
    Effect.flatMap((text) =>
      JsonFile.read(schema, text, `checkpoint, ${name}`).pipe(
        Effect.mapError((problem) => new ArtifactBroken({ ...problem })),
      ),
    ),
  )

/** Header of the tensors: their names and shapes, without reading them. */
export const entries = (
  content: Artifact.Content,
): Effect.Effect<ReadonlyMap<string, Safetensors.Entry>, SafetensorsBroken> =>
  content._tag !== "File"
    ? Safetensors.header(Artifact.joined(content)).pipe(Effect.map((header) => header.entries))
    : Effect.scoped(Safetensors.open(content.path).pipe(Effect.map((reader) => reader.entries)))

/** The named tensors, or all. */
export const tensors = (
  content: Artifact.Content,
  names?: ReadonlyArray<string>,
): Effect.Effect<Safetensors.Tensors, SafetensorsBroken> =>
  content._tag === "File"
    ? Safetensors.read(content.path, names)
    : Safetensors.decode(Artifact.joined(content)).pipe(
        Effect.map(({ tensors: all }) =>
          names === undefined ? all : Object.fromEntries(names.map((name) => [name, all[name]!])),
        ),
      )

/** The content as a file on disk: where it lies already, or written into the folder under this name. */
export const onDisk = (
  content: Artifact.Content,
  folder: string,
  name: string,
): Effect.Effect<string, ArtifactBroken> => {
  if (content._tag === "File") return Effect.succeed(content.path)
  const path = join(folder, name)
  return Effect.tryPromise({
    try: async () => {
      await mkdir(folder, { recursive: true })
      await writeFile(path, content._tag === "Bytes" ? content.bytes : content.chunks)
      return path
    },
    catch: (cause) =>
      new ArtifactBroken({ where: path, expected: "a place that can be written", got: String(cause), advice: "" }),
  })
}
