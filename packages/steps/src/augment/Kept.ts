/** Outputs of functions, one file each under the hash of what they were made from, in the folder that all runs share. */
import { createHash, randomUUID } from "node:crypto"
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import { ArtifactBroken } from "@thaw/core/Errors"
import { Effect, Option, Schema } from "effect"
import * as Generated from "./Generated.ts"

/** The value with its hash, so that a file that was damaged counts as none. */
const Content = Schema.fromJsonString(Schema.Struct({ sha256: Schema.String, drafts: Generated.Drafts }))

export interface Place {
  /** What is kept there; undefined where nothing is, or nothing that can be trusted. */
  readonly find: Effect.Effect<ReadonlyArray<Generated.Draft> | undefined>
  readonly keep: (drafts: ReadonlyArray<Generated.Draft>) => Effect.Effect<void, ArtifactBroken>
}

const hash = (value: unknown): string => createHash("sha256").update(Artifact.canonicalJson(value)).digest("hex")

/** @param madeFrom everything that decides what the function gives */
export const at = (cache: string, madeFrom: unknown): Place => {
  const name = hash(madeFrom)
  const file = join(cache, "generated", name.slice(0, 2), `${name}.json`)
  return {
    find: Effect.promise(() => readFile(file, "utf8").catch(() => undefined)).pipe(
      Effect.map((text) => {
        const content = Option.getOrUndefined(Schema.decodeUnknownOption(Content)(text))
        return content !== undefined && content.sha256 === hash(content.drafts) ? content.drafts : undefined
      }),
    ),
    keep: (drafts) =>
      Effect.tryPromise({
        try: async () => {
          await mkdir(dirname(file), { recursive: true })
          const temporary = `${file}.${randomUUID()}`
          await writeFile(temporary, JSON.stringify({ sha256: hash(drafts), drafts }))
          await rename(temporary, file)
        },
        catch: (cause) =>
          new ArtifactBroken({ where: file, expected: "a place that can be written", got: String(cause), advice: "" }),
      }),
  }
}
