/**
 * In which files of a folder an encoder's weights lie: the first of
 *
 * ```
 * model.safetensors               in one file
 * model.safetensors.index.json    in shards, which it names by tensor, as upstream splits large ones
 * pytorch_model.bin               as PyTorch saves them
 * pytorch_model.bin.index.json    in shards of those
 * ```
 */
import { SourceUnreadable } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import * as Safetensors from "@thaw/onnx/Safetensors"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect, Schema, type Scope } from "effect"
import type { TorchFileBroken } from "./Errors.ts"
import * as JsonFile from "./JsonFile.ts"
import * as TorchFile from "./torch/TorchFile.ts"

/** Names of what a folder with weights has one of, the preferred first. */
export const accepted: ReadonlyArray<string> = ["model.safetensors", "pytorch_model.bin"].flatMap((whole) => [
  whole,
  `${whole}.index.json`,
])

/** The one of them that is read; undefined where there are no weights. */
export const main = (names: ReadonlyArray<string>): string | undefined => accepted.find((name) => names.includes(name))

export const isIndex = (name: string): boolean => name.endsWith(".index.json")

/** Shards lie beside their index: a name with a folder in it would lead elsewhere. */
const Shard = Schema.String.check(Schema.isPattern(/^[\w-][\w.-]*\.(safetensors|bin)$/))
const Index = Schema.Struct({ weight_map: Schema.Record(Schema.String, Shard) })

/**
 * Names of the files, sorted.
 *
 * @param chosen the one of `accepted` that is there
 * @param names of what is in the folder
 * @param text gives the text of a file of the folder
 */
export const of = Effect.fnUntraced(function* <E, R>(
  written: string,
  chosen: string,
  names: ReadonlyArray<string>,
  text: (name: string) => Effect.Effect<string, E, R>,
): Effect.fn.Return<ReadonlyArray<string>, E | SourceUnreadable, R> {
  if (!isIndex(chosen)) return [chosen]
  const where = `${written}/${chosen}`
  const { weight_map: shardOf } = yield* JsonFile.read(Index, yield* text(chosen), where).pipe(
    Effect.mapError((problem) => new SourceUnreadable({ ...problem })),
  )
  const shards = [...new Set(Object.values(shardOf))].sort()
  const missing = shards.filter((name) => !names.includes(name))
  if (missing.length > 0 || shards.length === 0) {
    return yield* new SourceUnreadable({
      where,
      expected: "the names of files beside it",
      got:
        shards.length === 0 ? "none" : `${Problem.list(missing)}, which ${missing.length > 1 ? "are" : "is"} not there`,
      advice: "",
    })
  }
  return shards
})

/** An open file: tensors are read when asked for. */
export interface Reader {
  readonly names: ReadonlyArray<string>
  readonly read: (name: string) => Effect.Effect<Tensor.Tensor, SafetensorsBroken | TorchFileBroken>
}

/** @param where how messages name the file */
export const open = (
  path: string,
  where: string,
): Effect.Effect<Reader, SafetensorsBroken | TorchFileBroken, Scope.Scope> =>
  path.endsWith(".bin")
    ? TorchFile.open(path, where)
    : Effect.map(Safetensors.open(path), ({ entries, read }) => ({ names: [...entries.keys()], read }))
