/**
 * In which files of a folder an encoder's weights lie: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names by tensor, as upstream splits large ones.
 */
import { SourceUnreadable } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import * as JsonFile from "./JsonFile.ts"

export const whole = "model.safetensors"
export const index = "model.safetensors.index.json"

/** Shards lie beside their index: a name with a folder in it would lead elsewhere. */
const Shard = Schema.String.check(Schema.isPattern(/^[\w-][\w.-]*\.safetensors$/))
const Index = Schema.Struct({ weight_map: Schema.Record(Schema.String, Shard) })

/**
 * Names of the files, sorted.
 *
 * @param names of what is in the folder
 * @param text gives the text of a file of the folder
 */
export const of = Effect.fnUntraced(function* <E, R>(
  written: string,
  names: ReadonlyArray<string>,
  text: (name: string) => Effect.Effect<string, E, R>,
): Effect.fn.Return<ReadonlyArray<string>, E | SourceUnreadable, R> {
  if (names.includes(whole)) return [whole]
  const where = `${written}/${index}`
  const { weight_map: shardOf } = yield* JsonFile.read(Index, yield* text(index), where).pipe(
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
