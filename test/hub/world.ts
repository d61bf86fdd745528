/** What the tests of the hub ask for, and a repository to ask. */
import { readFileSync } from "node:fs"
import path from "node:path"
import * as Address from "@thaw/hub/Address"
import * as Hub from "@thaw/hub/Hub"
import * as Revision from "@thaw/hub/Revision"
import * as Snapshot from "@thaw/hub/Snapshot"
import { Effect } from "effect"
import type { Repository } from "./fakeHub.ts"

export const first = "a".repeat(40)
export const second = "b".repeat(40)

export const large = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 31) % 251))

export const files = {
  "README.md": "# Moods\n",
  "config.json": `{"a":1}\n`,
  "data/train.parquet": large,
  "empty.txt": "",
}

export const dataset: Repository = {
  kind: "dataset",
  name: "acme/moods",
  revisions: { main: first, "v1.0": first },
  commits: { [first]: files },
}

export const address = "hf://datasets/acme/moods"

export const run = <A, E>(settings: Hub.Settings, effect: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provideService(Hub.Hub, settings)))

/** Folder with the files. */
export const fetch = (
  settings: Hub.Settings,
  paths: ReadonlyArray<string>,
  from = address,
  report?: Snapshot.Report,
): Promise<string> =>
  run(
    settings,
    Effect.gen(function* () {
      return yield* Snapshot.files(yield* Revision.pin(Address.parse(from)), paths, report)
    }),
  )

/** The sentence that the same ends with. */
export const failure = async (settings: Hub.Settings, paths: ReadonlyArray<string>, from = address) => {
  const error: unknown = await fetch(settings, paths, from).then(
    (folder) => {
      throw new Error(`expected a failure, got ${folder}`)
    },
    (cause: unknown) => cause,
  )
  const { _tag, message } = error as { _tag: string; message: string }
  return `${_tag} ${message}`
}

export const read = (folder: string, file: string) => readFileSync(path.join(folder, file))
